/// Which texts of a PNG file are kept where there are more than a reader wants.
enum PNGTextChunks {
  /// The keywords by which programs store how a picture was made.
  private static let settings = Set(PictureSettings.keywords.map { Array($0.utf8) })

  /// The file without the texts beyond `limit`, those with settings first, and how many texts it has in all.
  ///
  /// Only lengths and names are looked at, of 65,536 texts at most; what is damaged is left to the decoder.
  static func chosen(in file: [UInt8], limit: Int) -> (file: [UInt8], count: Int) {
    var texts: [(range: Range<Int>, isSettings: Bool)] = []
    var i = PNGChunk.signature.count
    while i + 12 <= file.count, texts.count < 1 << 16 {
      let count = file[i..<(i + 4)].reduce(0) { $0 << 8 | Int($1) }
      guard count <= file.count - i - 12 else { break }
      let name = String(decoding: file[(i + 4)..<(i + 8)], as: UTF8.self)
      if name == "IEND" { break }
      if ["tEXt", "zTXt", "iTXt"].contains(name) {
        let keyword = file[(i + 8)..<(i + 8 + count)].prefix(80).prefix { $0 != 0 }
        texts.append((i..<(i + 12 + count), settings.contains(Array(keyword))))
      }
      i += 12 + count
    }
    guard texts.count > limit else { return (file, texts.count) }
    let first = texts.filter(\.isSettings) + texts.filter { !$0.isSettings }
    var kept: [UInt8] = []
    var end = 0
    for text in first.dropFirst(max(0, limit)).sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
      kept += file[end..<text.range.lowerBound]
      end = text.range.upperBound
    }
    return (kept + file[end...], texts.count)
  }
}
