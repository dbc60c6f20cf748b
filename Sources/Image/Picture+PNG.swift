import DiTFiles
import Foundation

extension Picture {
  /// The bytes of a PNG file of this picture.
  /// - Parameter texts: metadata, such as `GenerationParameters.pngTexts`.
  public func encoded(texts: [PNGText] = []) throws(ImageError) -> [UInt8] {
    try PNG.encode(self, texts: texts)
  }

  /// Writes a PNG file, all of it or nothing.
  /// - Parameter replacing: whether an existing file may be replaced. If not, and there is one, `FileError.exists`
  ///   is thrown, also where another process creates it at the same moment.
  public func write(to url: URL, texts: [PNGText] = [], replacing: Bool = true) throws {
    try AtomicFile.write(encoded(texts: texts), to: url, replacing: replacing)
  }

  /// The picture in a PNG file; transparent parts over white.
  public init(contentsOf url: URL, limits: PNG.Limits = PNG.Limits()) throws {
    self = try PNG.read(url, limits: limits).picture
  }
}
