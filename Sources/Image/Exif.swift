/// The metadata of JPEG and WebP files (Exif 2.3): a TIFF file without pixels.
///
/// Settings are where the web UI has them in these formats: in the user comment, in UTF-16. Whatever is damaged or not
/// understood is left out; a picture is not refused for it.
struct Exif: Equatable {
  var orientation = Orientation.upright
  /// A user comment with settings is called "parameters", as in PNG.
  var texts: [PNGText] = []
  var omittedTexts = 0

  private static let orientationTag: UInt16 = 0x0112, pointerTag: UInt16 = 0x8769, commentTag: UInt16 = 0x9286
  /// The ASCII tags that stand for keywords of PNG, in the order of their numbers, as TIFF wants entries sorted.
  private static let keywords: [(tag: UInt16, keyword: String)] = [
    (0x010E, "Description"), (0x0131, "Software"), (0x013B, "Author"), (0x8298, "Copyright"),
  ]
  /// Where ComfyUI puts "prompt:{…}" and "workflow:{…}": any of the above, and the camera's maker and model.
  private static let cameraTags: [UInt16] = [0x010F, 0x0110]
  private static let commentKeyword = "UserComment"

  // MARK: - Reading

  /// - Parameter bytes: with or without "Exif\0\0" before it.
  init(_ bytes: [UInt8], textBytes: Int) {
    let prefix = Array("Exif\0\0".utf8)
    guard let file = TIFF(bytes.starts(with: prefix) ? Array(bytes.dropFirst(prefix.count)) : bytes) else { return }
    let main = file.entries(at: file.firstDirectory)
    let detail = main.first { $0.tag == Self.pointerTag }.flatMap { file.number($0) }.map { file.entries(at: $0) } ?? []
    if let value = main.first(where: { $0.tag == Self.orientationTag }).flatMap({ file.number($0) }) {
      orientation = UInt16(exactly: value).flatMap(Orientation.init) ?? .upright
    }
    // A tag counts once, for entries may share their bytes: 65,535 of them would make a thousand times the file.
    var seen: Set<UInt16> = []
    for entry in main + detail where seen.insert(entry.tag).inserted {
      let keyword = Self.keywords.first { $0.tag == entry.tag }?.keyword
      let isComment = entry.tag == Self.commentTag
      guard isComment || keyword != nil || Self.cameraTags.contains(entry.tag), let data = file.data(entry) else { continue }
      guard data.count <= textBytes else {
        omittedTexts += 1
        continue
      }
      let text = isComment ? Self.comment(data, file.isBigEndian) : Self.trimmed(String(decoding: data, as: UTF8.self))
      if let found = Self.named(text, keyword, isComment: isComment) { texts.append(found) }
    }
  }

  private static func named(_ text: String, _ keyword: String?, isComment: Bool) -> PNGText? {
    if text.isEmpty { return nil }
    if isComment {
      return PNGText(
        GenerationParameters(text: text).fields.isEmpty ? commentKeyword : GenerationParameters.keyword, text)
    }
    for name in ["prompt", "workflow"] where text.utf8.starts(with: (name + ":").utf8) {
      return PNGText(name, String(text.dropFirst(name.count + 1)))
    }
    return keyword.map { PNGText($0, text) }
  }

  /// A user comment: eight bytes name its characters.
  private static func comment(_ data: ArraySlice<UInt8>, _ isBigEndian: Bool) -> String {
    let body = data.dropFirst(8)
    guard data.starts(with: Array("UNICODE\0".utf8)) else {
      let isNamed = data.starts(with: Array("ASCII\0\0\0".utf8)) || data.prefix(8).allSatisfy { $0 == 0 }
      return trimmed(String(decoding: isNamed ? body : data, as: UTF8.self))
    }
    // Some write the file's byte order, and some, the web UI among them, always big-endian. In all settings there are
    // Latin letters, whose zeros tell.
    var zeros = [0, 0]
    for (position, byte) in body.enumerated() where byte == 0 { zeros[position % 2] += 1 }
    let isBig = body.starts(with: [0xFE, 0xFF]) || zeros[0] > zeros[1] || (zeros[0] == zeros[1] && isBigEndian)
    let units = stride(from: body.startIndex, to: body.endIndex - 1, by: 2).map { i -> UInt16 in
      let (high, low) = isBig ? (body[i], body[i + 1]) : (body[i + 1], body[i])
      return UInt16(high) << 8 | UInt16(low)
    }
    return trimmed(String(decoding: units.first == 0xFEFF ? units.dropFirst() : units[...], as: UTF16.self))
  }

  /// Without the NULs at the end.
  private static func trimmed(_ text: String) -> String {
    var scalars = text.unicodeScalars[...]
    while scalars.last == "\0" { scalars.removeLast() }
    return String(scalars)
  }

  // MARK: - Writing

  /// The block that carries these texts, without "Exif\0\0"; nil where there is nothing to say.
  /// - Throws: ``ImageError/unwritable(reason:)`` for a keyword that Exif has no place for.
  static func encoded(_ texts: [PNGText]) throws(ImageError) -> [UInt8]? {
    var strings: [UInt16: [UInt8]] = [:]
    var comment: [UInt8]?
    for text in texts {
      let whole = text.text.replacing("\0", with: "\u{FFFD}")
      if text.keyword == GenerationParameters.keyword || text.keyword == commentKeyword {
        comment = Array("UNICODE\0".utf8) + whole.utf16.flatMap { TIFF.bytes($0) }
      } else if let tag = keywords.first(where: { $0.keyword == text.keyword })?.tag {
        strings[tag] = Array(whole.utf8) + [0]
      } else {
        throw .unwritable(reason: "Exif has no place for a text called \"\(text.keyword)\"; PNG has")
      }
    }
    if strings.isEmpty && comment == nil { return nil }
    // A pointer's four bytes lie in its entry, so that the length is known before its value is.
    var entries = strings.map { TIFF.Block(tag: $0.key, type: TIFF.ascii, data: $0.value) }
    if comment != nil { entries.append(TIFF.Block(tag: pointerTag, type: TIFF.long, data: TIFF.bytes(UInt32(0)))) }
    entries.sort { $0.tag < $1.tag }
    let header = Array("MM\0*".utf8) + TIFF.bytes(UInt32(8))
    let length = header.count + TIFF.directory(entries, at: header.count).count
    if let last = entries.lastIndex(where: { $0.tag == pointerTag }) { entries[last].data = TIFF.bytes(UInt32(length)) }
    let main = header + TIFF.directory(entries, at: header.count)
    guard let comment else { return main }
    return main + TIFF.directory([TIFF.Block(tag: commentTag, type: TIFF.undefined, data: comment)], at: length)
  }
}
