import DiTCheckpoints
import DiTDiffusion
import DiTErrors
import DiTFiles
import DiTImage
import DiTModels
import DiTTensors
import Foundation

/// A picture that drawing starts from, or fills a hole in, and the size it is fitted to.
///
/// Many can wait to be drawn from: pixels are read again for each drawing, unless it is told to keep them.
public struct SourcePicture: Sendable, Equatable, CustomStringConvertible {
  /// What it is fitted to.
  public let size: PictureSize
  /// SHA-256 of the files, by which metadata names them.
  public let hash: String
  /// SHA-256 of the mask's file; nil: no mask.
  public let maskHash: String?
  /// What a user may not expect of these files, a line each.
  package let notes: [String]
  private let url: URL
  private let mask: URL?
  private var kept: Pixels?
  private var keptWhole: Picture?

  /// What is seen, scaled until it covers the size; what hangs over is cut evenly.
  package struct Pixels: Sendable {
    package let picture: Picture
    /// Where to draw anew: 255 is all new, 0 stays as it is. Nil: the whole picture changes.
    package let mask: Mask?
  }

  /// - Parameters:
  ///   - url: the picture.
  ///   - mask: white where it is drawn anew, black where it stays; nil for the whole picture.
  ///   - size: nil: the nearest legal one to the picture's own.
  ///   - step: what width and height are multiples of: ``ModelFolder/sizeStep``.
  ///   - keepsPixels: the files need not be readable a second time, as a pipe is not.
  /// - Throws: `FileError`, `ImageError`, or `SourceError` where picture and mask differ in shape.
  public init(_ url: URL, mask: URL?, size: PictureSize?, step: Int, keepsPixels: Bool = false) throws {
    try self.init(
      File(url), mask: mask.map { try File($0) }, size: size, step: step, keepsPixels: keepsPixels)
  }

  /// Of files that are in memory; their pixels are kept. Whoever sent them may have made them to be a burden.
  /// - Throws: as ``init(_:mask:size:step:keepsPixels:)``.
  package init(
    bytes: [UInt8], name: String, mask: (bytes: [UInt8], name: String)?, size: PictureSize?, step: Int
  ) throws {
    try self.init(
      File(bytes: bytes, name: name), mask: mask.map { File(bytes: $0.bytes, name: $0.name) }, size: size, step: step,
      keepsPixels: true, limits: PictureLimits(side: 8192, pixels: 16 << 20))
  }

  private struct File {
    let url: URL
    let bytes: [UInt8]
    /// In errors.
    let name: String

    init(_ url: URL) throws { (self.url, bytes, name) = (url, try readFile(url), url.path) }
    init(bytes: [UInt8], name: String) { (url, self.bytes, self.name) = (URL(fileURLWithPath: name), bytes, name) }
  }

  private init(
    _ image: File, mask: File?, size: PictureSize?, step: Int, keepsPixels: Bool, limits: PictureLimits = PictureLimits()
  ) throws {
    let contents = try PictureContents(image.bytes, limits: limits, source: image.name)
    let picture = contents.picture
    let drawn = try mask.map { try PictureContents($0.bytes, limits: limits, source: $0.name) }
    if let mask, let drawn = drawn?.picture, drawn.width * picture.height != drawn.height * picture.width {
      throw SourceError.mask(path: mask.name, drawn.width, drawn.height, picture.width, picture.height)
    }
    let masking = drawn.map { Mask($0) }
    (url, self.mask, hash, maskHash) = (image.url, mask?.url, sha256(image.bytes), mask.map { sha256($0.bytes) })
    self.size = size ?? SourcePicture.nearestSize(to: picture, step: step)
    var notes: [String] = []
    if contents.isTransparent { notes.append("\(image.url.relativePath) is transparent in parts: they are taken as white") }
    if let mask, let masking, let first = masking.values.first, masking.values.allSatisfy({ $0 == first }) {
      if first == 255 { notes.append("\(mask.url.relativePath) is all white: the whole picture is drawn anew") }
      if first == 0 { notes.append("\(mask.url.relativePath) is all black or transparent: nothing is drawn anew") }
    }
    self.notes = notes
    kept = keepsPixels ? try Pixels(picture, mask: masking, self.size) : nil
    keptWhole = keepsPixels ? picture : nil
  }

  /// The files' names, by which a user knows them better than by their hashes.
  package var name: String { url.lastPathComponent }
  package var maskName: String? { mask?.lastPathComponent }

  /// - Throws: as the initialiser, and ``SourceError/changed(path:)``.
  package func pixels() throws -> Pixels {
    if let kept { return kept }
    return try Pixels(
      try unchanged(url, hash).picture, mask: try mask.map { Mask(try unchanged($0, maskHash)) }, size)
  }

  /// The picture as it is in its file.
  /// - Throws: as ``pixels()``.
  package func whole() throws -> Picture { try keptWhole ?? unchanged(url, hash).picture }

  private func unchanged(_ url: URL, _ hash: String?) throws -> PictureContents {
    let (contents, found) = try SourcePicture.read(url)
    guard found == hash else { throw SourceError.changed(path: url.path) }
    return contents
  }

  /// The same pixels at the same size, wherever they lie.
  public static func == (a: SourcePicture, b: SourcePicture) -> Bool {
    (a.size, a.hash, a.maskHash) == (b.size, b.hash, b.maskHash)
  }

  /// Without paths: a folder of pictures may be moved.
  public var description: String { "\(hash) \(maskHash ?? "") \(size)" }

  private static func read(_ url: URL) throws -> (PictureContents, String) {
    let bytes = try readFile(url)
    return (try PictureContents(bytes, source: url.path), sha256(bytes))
  }

  /// Its own size where that can be drawn; a larger one shrinks in both directions alike.
  private static func nearestSize(to picture: Picture, step: Int) -> PictureSize {
    let largest = Double(max(picture.width, picture.height))
    let scale = min(1, Double(PictureSize.limits.upperBound) / largest)
    let side = { (length: Int) in max(1, Int((Double(length) * scale).rounded())) }
    return PictureSize(width: side(picture.width), height: side(picture.height)).nearestLegal(step: step)
  }
}

extension SourcePicture.Pixels {
  init(_ picture: Picture, mask: Mask?, _ size: PictureSize) throws {
    self.picture = try picture.fitted(width: size.width, height: size.height)
    self.mask = try mask?.fitted(width: size.width, height: size.height)
  }

  /// For models that draw at another size than they are asked for.
  func fitted(to size: PictureSize) throws -> Self {
    Self(
      picture: try picture.fitted(width: size.width, height: size.height),
      mask: try mask?.resized(width: size.width, height: size.height))
  }

  /// How much each latent may change, [h, w]: a place is free if any of its pixels is.
  func freedom(scale: Int) -> [Float]? {
    guard let mask else { return nil }
    let (rows, columns) = (mask.height / scale, mask.width / scale)
    return (0..<rows * columns).map { place in
      let (top, left) = (place / columns * scale, place % columns * scale)
      let whitest = (0..<scale * scale).map { mask.values[(top + $0 / scale) * mask.width + left + $0 % scale] }.max()
      return Float(whitest ?? 0) / 255
    }
  }

  /// What was drawn in the hole, and every other pixel as it was; the seam is softened inside the hole.
  func restored(around drawn: Picture) throws -> Picture {
    guard let mask else { return drawn }
    return try picture.blended(with: drawn, mask: mask.feathered(radius: 6))
  }
}

extension Mask {
  /// This mask fading to 0 towards its edges, and 0 wherever it was: twice its blur less one, no more than itself.
  func feathered(radius: Int) throws -> Mask {
    // A running mean along rows, then along columns; beyond the border the mask goes on as at the border.
    func blurred(_ values: [Float], length: Int, stride: Int, start: (Int) -> Int) -> [Float] {
      var result = values
      for line in 0..<values.count / length {
        let first = start(line)
        let at = { (i: Int) in values[first + min(max(i, 0), length - 1) * stride] }
        var sum = (-radius...radius).reduce(Float(0)) { $0 + at($1) }
        for i in 0..<length {
          result[first + i * stride] = sum / Float(2 * radius + 1)
          sum += at(i + radius + 1) - at(i - radius)
        }
      }
      return result
    }
    let across = blurred(values.map(Float.init), length: width, stride: 1) { $0 * self.width }
    let both = blurred(across, length: height, stride: width) { $0 }
    return try Mask(
      width: width, height: height,
      values: zip(values, both).map { UInt8(max(0, min(Float($0), 2 * $1 - 255)).rounded()) })
  }
}

package enum SourceError: WordedError {
  case changed(path: String)
  case mask(path: String, Int, Int, Int, Int)
  case strength(Double)
  case noImage(String)

  package var kind: UserErrorKind {
    switch self {
    case .changed: .damagedData
    case .mask, .strength, .noImage: .usage
    }
  }

  package func line(_ say: (_ program: String, _ library: String) -> String) -> String {
    switch self {
    case .changed(let path): "\(path): the file has changed since it was looked at; start again"
    case .mask(let path, let width, let height, let wantedWidth, let wantedHeight):
      "\(path): the mask is \(width)x\(height), the picture \(wantedWidth)x\(wantedHeight); their shapes must agree"
    case .strength(let strength): "strength \(strength): expected a number above 0 and at most 1"
    case .noImage(let option): "\(option) needs \(say("--image", "a source picture"))"
    }
  }
}

/// Holds the known part of latents during a run.
///
/// Instead of mixing noised latents in after each step (Lugmayr et al., 2201.09865), the known places get the one
/// prediction that leads to the known picture: every sampler, of any order and with its memory of earlier steps, then
/// arrives at it, and the free places see a surrounding of the right noise level at every step.
package struct KnownLatents {
  /// [1, C, h, w], or a state of latents and what is drawn beside them.
  let latents: Tensor
  /// [h, w], or of each number of a state: 1 is free, 0 is known.
  let freedom: [Float]

  /// ε' = m·ε + (1 − m)·(x − √ᾱ·known) / √(1−ᾱ), or what means the same of another kind of prediction.
  func holding(_ prediction: Prediction, _ x: Tensor, at level: NoiseLevel) throws -> Prediction {
    let output = try prediction.output.copy()  // [N, C, h, w]
    // A kind's output is a · noise + b · picture.
    let (a, b): (Float, Float) =
      switch prediction.kind {
      case .noise: (1, 0)
      case .sample: (0, 1)
      case .velocity: (Float(level.signal), Float(-level.noise))
      case .flow: (1, -1)
      }
    let (signal, deviation) = (Float(level.signal), Float(level.noise))
    output.withFloats { target in
      x.withFloats { x in
        latents.withFloats { known in
          for index in target.indices {
            let share = freedom[index % freedom.count]
            guard share < 1 else { continue }
            let picture = known[index % known.count]
            let fixed = a * ((x[index] - signal * picture) / deviation) + b * picture
            target[index] = share * target[index] + (1 - share) * fixed
          }
        }
      }
    }
    return Prediction(output, prediction.kind, varianceLogits: prediction.varianceLogits)
  }
}
