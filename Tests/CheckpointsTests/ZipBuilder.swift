/// Writes stored zip archives, also ones whose two directories disagree.
struct ZipBuilder {
  struct Entry {
    var name: String
    var data: [UInt8]
    var flags: UInt16 = 0
    var method: UInt16 = 0
    /// What the local header says instead.
    var localName: String?
    var localSize: UInt32?
    var localFlags: UInt16?
    /// What the central directory says instead.
    var offset: UInt32?
    /// Whether the central directory gives the sizes and the offset in a zip64 field.
    var wide = false
  }

  var entries: [Entry]
  var comment: [UInt8] = []
  var suffix: [UInt8] = []
  var prefix: [UInt8] = []
  var count: UInt16?

  /// An archive as PyTorch lays it out: the pickle, one storage of 24 bytes, and more.
  static func model(_ pickle: [UInt8] = PickleBuilder.model(), _ more: [(String, [UInt8])] = []) -> ZipBuilder {
    let entries = [("data.pkl", pickle), ("data/0", Array(0..<24))] + more
    return ZipBuilder(entries: entries.map { Entry(name: "archive/\($0.0)", data: $0.1) })
  }

  var bytes: [UInt8] {
    var result = prefix
    var directory: [UInt8] = []
    for entry in entries {
      let offset = entry.offset ?? UInt32(result.count)
      let size = UInt32(entry.data.count)
      let local = entry.localSize ?? size
      let localName = Array((entry.localName ?? entry.name).utf8)
      result += littleEndian(UInt32(0x0403_4B50)) + littleEndian(UInt16(20))
      result += littleEndian(entry.localFlags ?? entry.flags) + littleEndian(entry.method)
      result += [0, 0, 0, 0] + littleEndian(UInt32(7)) + littleEndian(local) + littleEndian(local)
      result += littleEndian(UInt16(localName.count)) + [0, 0] + localName + entry.data

      let name = Array(entry.name.utf8)
      let extra =
        littleEndian(UInt16(1)) + littleEndian(UInt16(24)) + littleEndian(UInt64(size)) + littleEndian(UInt64(size))
        + littleEndian(UInt64(offset))
      let shownSize = littleEndian(entry.wide ? .max : size)
      directory += littleEndian(UInt32(0x0201_4B50)) + [20, 0, 20, 0]
      directory += littleEndian(entry.flags) + littleEndian(entry.method)
      directory += [0, 0, 0, 0] + littleEndian(UInt32(7)) + shownSize + shownSize
      directory += littleEndian(UInt16(name.count)) + littleEndian(UInt16(entry.wide ? extra.count : 0))
      directory += [UInt8](repeating: 0, count: 10) + littleEndian(entry.wide ? .max : offset) + name
      if entry.wide { directory += extra }
    }
    let start = UInt32(result.count)
    let count = littleEndian(self.count ?? UInt16(entries.count))
    result += directory + littleEndian(UInt32(0x0605_4B50)) + [0, 0, 0, 0] + count + count
    result += littleEndian(UInt32(directory.count)) + littleEndian(start) + littleEndian(UInt16(comment.count))
    return result + comment + suffix
  }
}
