import DiTFiles
import Foundation

extension Picture {
  /// The bytes of a PNG file of this picture.
  /// - Parameter texts: metadata, such as `GenerationParameters.pngText`.
  public func encoded(texts: [PNGText] = []) throws(ImageError) -> [UInt8] {
    try PNG.encode(self, texts: texts)
  }

  /// The bytes of a file of any format.
  /// - Parameter quality: 1 to 100, of JPEG and WebP; WebP's 100 is lossless.
  package func encoded(as format: PictureFormat, quality: Int = PictureFormat.defaultQuality, texts: [PNGText] = [])
    throws(ImageError) -> [UInt8]
  {
    switch format {
    case .png: try PNG.encode(self, texts: texts)
    case .jpeg: try JPEG.encode(self, quality: quality, texts: texts)
    case .webp: try WebP.encode(self, quality: quality, texts: texts)
    }
  }

  /// Writes a file, all of it or nothing: JPEG where it is called .jpg or .jpeg, WebP where .webp, else PNG.
  /// - Parameters:
  ///   - quality: 1 to 100, of JPEG and WebP; WebP's 100 is lossless. PNG always is.
  ///   - replacing: whether an existing file may be replaced. If not, and there is one, `FileError.exists`
  ///     is thrown, also where another process creates it at the same moment.
  public func write(to url: URL, texts: [PNGText] = [], quality: Int = 92, replacing: Bool = true) throws {
    let format = PictureFormat(ending: url.pathExtension) ?? .png
    try AtomicFile.write(encoded(as: format, quality: quality, texts: texts), to: url, replacing: replacing)
  }

  /// The picture in a PNG, JPEG or WebP file, upright; transparent parts over white.
  public init(contentsOf url: URL, limits: PictureLimits = PictureLimits()) throws {
    self = try PictureContents(contentsOf: url, limits: limits).picture
  }
}
