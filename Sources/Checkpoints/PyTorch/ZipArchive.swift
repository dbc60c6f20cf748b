/// The entries of a zip archive as `torch.save` writes it, without a copy: where in the file each lies.
///
/// Zip describes every entry twice, and readers that believe different halves see different files. Here both must
/// agree: stored entries only, not encrypted, no name twice, one root folder, every local header equal to its central
/// directory entry, no overlaps, nothing after the end record. Zip64 sizes are understood, as PyTorch always writes
/// some. (PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3.)
struct ZipArchive {
  /// The folder all entries lie in, with its slash: `archive/`.
  let root: String
  /// By path below the root.
  private(set) var entries: [String: Range<Int>] = [:]

  private struct Entry {
    let name: [UInt8]
    let flags: UInt16
    let crc: UInt32
    let size: Int
    let localOffset: Int
  }

  static let magic: [UInt8] = [0x50, 0x4B, 0x03, 0x04]
  private static let endSize = 22
  private static let locatorSize = 20
  /// Bits 1 and 2 (unused by stored entries), 3 (sizes in a descriptor behind the data), 11 (names are UTF-8).
  private static let knownFlags: UInt16 = 0x0806 | descriptorFlag
  private static let descriptorFlag: UInt16 = 0x0008

  init(_ bytes: UnsafeRawBufferPointer) throws {
    let directory = try Self.directory(bytes)
    let listed = try Self.list(UnsafeRawBufferPointer(rebasing: bytes[directory.range]), count: directory.count)

    var root: String?
    var filled = 0
    for entry in listed.sorted(by: { $0.localOffset < $1.localOffset }) {
      let name = try Self.path(entry.name)
      guard let slash = name.firstIndex(of: "/") else {
        throw Malformed("zip entry \(printable(name)) lies in no folder")
      }
      let folder = String(name[...slash])
      guard root == nil || root == folder else { throw Malformed("the zip has more than one root folder") }
      root = folder
      guard entry.localOffset >= filled else { throw Malformed("zip entry \(printable(name)) overlaps another") }
      let range = try Self.locate(entry, printable(name), in: bytes, before: directory.range.lowerBound)
      filled = range.upperBound
      guard entries.updateValue(range, forKey: String(name[slash...].dropFirst())) == nil else {
        throw Malformed("zip entry \(printable(name)) is there twice")
      }
    }
    guard let root else { throw Malformed("the zip is empty") }
    self.root = root
  }

  // MARK: central directory

  /// The end record, which must be the last thing in the file, and its zip64 form before it.
  private static func directory(_ bytes: UnsafeRawBufferPointer) throws -> (range: Range<Int>, count: Int) {
    let endStart = bytes.count - endSize
    guard endStart >= 0 else { throw Malformed("the zip is cut short") }
    var end = ByteReader(bytes, at: endStart, what: "the zip's end record")
    guard try end.integer(UInt32.self) == 0x0605_4B50 else {
      throw Malformed("the zip has no end record at its end: cut short, or bytes follow")
    }
    let disks = (try end.integer(UInt16.self), try end.integer(UInt16.self))
    let counts = (try end.integer(UInt16.self), try end.integer(UInt16.self))
    let (size, offset) = (try end.integer(UInt32.self), try end.integer(UInt32.self))
    guard try end.integer(UInt16.self) == 0, disks == (0, 0), counts.0 == counts.1 else {
      throw Malformed("the zip's end record is not one of a single plain archive")
    }

    var count = Int(counts.0)
    var start = Int(offset)
    var length = Int(size)
    var limit = endStart
    if let wide = try wideEnd(bytes, endStart: endStart) {
      guard counts.0 == .max || count == wide.count, size == .max || length == wide.length,
        offset == .max || start == wide.start
      else { throw Malformed("the zip's two end records disagree") }
      (count, start, length, limit) = wide
    }
    let (stop, overflow) = start.addingReportingOverflow(length)
    guard !overflow, stop == limit else {
      throw Malformed("the zip's central directory does not end where its end record starts")
    }
    return (start..<stop, count)
  }

  /// The zip64 end record, if a locator stands before the end record.
  private static func wideEnd(
    _ bytes: UnsafeRawBufferPointer, endStart: Int
  ) throws -> (count: Int, start: Int, length: Int, limit: Int)? {
    let locatorStart = endStart - locatorSize
    guard locatorStart >= 0 else { return nil }
    var locator = ByteReader(bytes, at: locatorStart, what: "the zip64 locator")
    guard try locator.integer(UInt32.self) == 0x0706_4B50 else { return nil }
    let disk = try locator.integer(UInt32.self)
    let start = try locator.size()
    guard disk == 0, try locator.integer(UInt32.self) == 1, start <= locatorStart else {
      throw Malformed("the zip64 locator is wrong")
    }
    var end = ByteReader(bytes, at: start, what: "the zip64 end record")
    guard try end.integer(UInt32.self) == 0x0606_4B50, try end.size() == locatorStart - start - 12 else {
      throw Malformed("the zip64 end record is not where its locator says")
    }
    _ = try end.take(4)  // versions
    let disks = (try end.integer(UInt32.self), try end.integer(UInt32.self))
    let counts = (try end.size(), try end.size())
    let length = try end.size()
    let directoryStart = try end.size()
    guard disks == (0, 0), counts.0 == counts.1 else {
      throw Malformed("the zip64 end record is not one of a single archive")
    }
    return (counts.0, directoryStart, length, start)
  }

  private static func list(_ directory: UnsafeRawBufferPointer, count: Int) throws -> [Entry] {
    var reader = ByteReader(directory, what: "the zip's central directory")
    var result: [Entry] = []
    while reader.remaining > 0 {
      guard try reader.integer(UInt32.self) == 0x0201_4B50 else {
        throw Malformed("the zip's central directory is damaged")
      }
      _ = try reader.take(4)  // versions
      let flags = try reader.integer(UInt16.self)
      let method = try reader.integer(UInt16.self)
      _ = try reader.take(4)  // time and date
      let crc = try reader.integer(UInt32.self)
      let packed = try reader.integer(UInt32.self)
      let size = try reader.integer(UInt32.self)
      let (nameCount, extraCount) = (try reader.integer(UInt16.self), try reader.integer(UInt16.self))
      let (commentCount, disk) = (try reader.integer(UInt16.self), try reader.integer(UInt16.self))
      _ = try reader.take(6)  // attributes
      let offset = try reader.integer(UInt32.self)
      let name = Array(try reader.take(Int(nameCount)))
      let extra = try reader.take(Int(extraCount))
      _ = try reader.take(Int(commentCount))

      let shown = printable(String(decoding: name, as: UTF8.self))
      guard !name.drop(while: { $0 != UInt8(ascii: "/") }).starts(with: "/code/".utf8) else {
        throw Malformed(
          "this is a program of TorchScript with its weights, which is not run; take the weights alone: of OpenAI's CLIP the "
            + "hub's openai/clip-vit-large-patch14 and its kin")
      }
      guard flags & ~knownFlags == 0 else { throw Malformed("zip entry \(shown) is encrypted or of an unknown kind") }
      guard method == 0 else { throw Malformed("zip entry \(shown) is compressed: only stored entries are read") }
      guard disk == 0 else { throw Malformed("zip entry \(shown) lies on another disk") }
      let wide = try wideFields(extra, fields: [size, packed, offset])
      guard wide[0] == wide[1] else { throw Malformed("zip entry \(shown) is stored, but in two sizes") }
      result.append(Entry(name: name, flags: flags, crc: crc, size: wide[0], localOffset: wide[2]))
    }
    guard result.count == count else {
      throw Malformed("the zip has \(result.count) entries, its end record says \(count)")
    }
    return result
  }

  /// The given 32-bit fields, each from the zip64 extra field (kind 1) if it is saturated.
  private static func wideFields(_ extra: UnsafeRawBufferPointer, fields: [UInt32]) throws -> [Int] {
    guard fields.contains(.max) else { return fields.map(Int.init) }
    var reader = ByteReader(extra, what: "an extra field of the zip")
    while reader.remaining > 0 {
      let (kind, count) = (try reader.integer(UInt16.self), try reader.integer(UInt16.self))
      let body = try reader.take(Int(count))
      guard kind == 1 else { continue }
      var wide = ByteReader(body, what: "a zip64 field")
      return try fields.map { $0 == .max ? try wide.size() : Int($0) }
    }
    throw Malformed("a zip entry needs a zip64 field and has none")
  }

  // MARK: local headers

  /// Where the data of an entry lies, after holding its local header against the central directory.
  private static func locate(
    _ entry: Entry, _ shown: String, in bytes: UnsafeRawBufferPointer, before limit: Int
  ) throws -> Range<Int> {
    guard entry.localOffset < limit else { throw Malformed("zip entry \(shown) starts past the data") }
    let archive = UnsafeRawBufferPointer(rebasing: bytes[..<limit])
    var reader = ByteReader(archive, at: entry.localOffset, what: "zip entry \(shown)")
    guard try reader.integer(UInt32.self) == 0x0403_4B50 else {
      throw Malformed("zip entry \(shown) has no local header")
    }
    _ = try reader.take(2)  // version
    let (flags, method) = (try reader.integer(UInt16.self), try reader.integer(UInt16.self))
    _ = try reader.take(4)  // time and date
    let crc = try reader.integer(UInt32.self)
    let (packed, size) = (try reader.integer(UInt32.self), try reader.integer(UInt32.self))
    let (nameCount, extraCount) = (try reader.integer(UInt16.self), try reader.integer(UInt16.self))
    let name = try reader.take(Int(nameCount))
    let extra = try reader.take(Int(extraCount))
    let disagree = Malformed("the two headers of zip entry \(shown) disagree")
    guard flags == entry.flags, method == 0, name.elementsEqual(entry.name) else { throw disagree }
    // Where a descriptor follows the data, the local header may leave the sizes open.
    let deferred = flags & descriptorFlag != 0
    if !deferred || (crc, packed, size) != (0, 0, 0) {
      let wide =
        deferred && packed == .max && size == .max
        ? [entry.size, entry.size] : try wideFields(extra, fields: [size, packed])
      guard wide == [entry.size, entry.size], crc == entry.crc || deferred && crc == 0 else { throw disagree }
    }
    let start = reader.position
    _ = try reader.take(entry.size)
    let end = reader.position
    if deferred { try checkDescriptor(&reader, entry, disagree) }
    return start..<end
  }

  /// The descriptor behind the data: signature, checksum, two sizes of 4 or, in zip64, 8 bytes.
  private static func checkDescriptor(_ reader: inout ByteReader, _ entry: Entry, _ disagree: Malformed) throws {
    guard try reader.integer(UInt32.self) == 0x0807_4B50, try reader.integer(UInt32.self) == entry.crc else {
      throw disagree
    }
    var wide = reader
    if let sizes = try? [reader.integer(UInt32.self), reader.integer(UInt32.self)],
      sizes.allSatisfy({ Int($0) == entry.size })
    {
      return
    }
    guard try wide.size() == entry.size, try wide.size() == entry.size else { throw disagree }
  }

  private static func path(_ name: [UInt8]) throws -> String {
    guard let path = String(validating: name, as: UTF8.self) else { throw Malformed("a zip entry's name is not UTF-8") }
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    guard !parts.contains(".."), !parts.contains("."), parts.first != "", !path.utf8.contains(0),
      !path.utf8.contains(0x5C)
    else { throw Malformed("zip entry \(printable(path)) has a path that leaves its folder") }
    return path
  }
}
