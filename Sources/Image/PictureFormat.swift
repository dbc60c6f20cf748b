import DiTFiles

/// The formats that pictures are read and written in.
package enum PictureFormat: String, CaseIterable, Sendable {
  case png = "PNG"
  case jpeg = "JPEG"
  case webp = "WebP"

  /// Of a file's name, the usual one first.
  package var endings: [String] {
    switch self {
    case .png: ["png"]
    case .jpeg: ["jpg", "jpeg", "jpe"]
    case .webp: ["webp"]
    }
  }

  /// Whether pixels change on the way into a file and back, by how much a quality says.
  package var hasQuality: Bool { self != .png }

  /// The quality that nobody asked for: hardly to be told from the picture, in a third of PNG's bytes or less.
  package static let defaultQuality = 92

  /// The format that a file's name asks for, in upper or lower case; nil: its ending is none of a picture.
  package init?(ending: String) {
    let ending = ending.lowercased()
    guard let format = Self.allCases.first(where: { $0.endings.contains(ending) }) else { return nil }
    self = format
  }

  /// The endings of other programs' formats: a file that is called so should not hold a PNG.
  package static let foreignEndings: Set<String> = [
    "avif", "bmp", "eps", "exr", "gif", "heic", "heif", "ico", "j2k", "jp2", "jxl", "pbm", "pdf", "pgm", "pnm", "ppm", "psd",
    "svg", "tga", "tif", "tiff", "xcf",
  ]

  /// ".png, .jpg and .webp", for messages.
  package static let endingList = ".png, .jpg and .webp"

  /// The format of a file, by how it begins.
  /// - Throws: ``ImageError/unreadable(source:reason:)`` for any other.
  init(of bytes: [UInt8], source: String) throws(ImageError) {
    if bytes.starts(with: PNGChunk.signature) {
      self = .png
    } else if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
      self = .jpeg
    } else if bytes.starts(with: Array("RIFF".utf8)), bytes.dropFirst(8).starts(with: Array("WEBP".utf8)) {
      self = .webp
    } else {
      throw .unreadable(source: source, reason: Self.refusal(of: bytes))
    }
  }

  private static func refusal(of bytes: [UInt8]) -> String {
    if bytes.isEmpty { return "the file is empty" }
    if let reason = placeholder(bytes) { return reason }
    let readable = "PNG, JPEG and WebP are read"
    let begins = { (text: String, offset: Int) in bytes.dropFirst(offset).starts(with: Array(text.utf8)) }
    let foreign: String? =
      if begins("GIF8", 0) {
        "GIF"
      } else if begins("BM", 0), bytes.count > 26 {
        "BMP"
      } else if begins("II*\0", 0) || begins("MM\0*", 0) {
        "TIFF"
      } else if begins("ftypavi", 4) {
        "AVIF"
      } else if begins("ftyphei", 4) || begins("ftypmif1", 4) || begins("ftyphev", 4) {
        "HEIC"
      } else {
        nil
      }
    return foreign.map { "it is a \($0) file; \(readable)" } ?? "not a picture of a known format; \(readable)"
  }
}
