import Checkpoints
import Diffusion
import Foundation
import Image
import Tensors

/// A picture that drawing starts from, or fills a hole in, fitted to the size that is drawn.
public struct SourcePicture: Sendable, Equatable {
  public let picture: Picture
  /// Where to draw anew: 255 is all new, 0 stays as it is. Nil: the whole picture changes.
  public let mask: Mask?
  /// SHA-256 of the files, by which metadata names them.
  public let hash: String
  public let maskHash: String?

  /// Scales both until they cover the size, and cuts what hangs over evenly.
  /// - Parameter size: nil: the nearest legal one to the picture's own.
  /// - Throws: `FileError`, `ImageError`, or ``SourceError`` where picture and mask differ in shape.
  public init(_ url: URL, mask: URL?, size: PictureSize?, step: Int) throws {
    let (contents, hash) = try SourcePicture.read(url)
    let size = size ?? SourcePicture.nearestSize(to: contents, step: step)
    picture = contents.fitted(width: size.width, height: size.height)
    self.hash = hash
    guard let mask else {
      (self.mask, maskHash) = (nil, nil)
      return
    }
    let (drawn, maskHash) = try SourcePicture.read(mask)
    guard drawn.width * contents.height == drawn.height * contents.width else {
      throw SourceError.mask(path: mask.path, drawn.width, drawn.height, contents.width, contents.height)
    }
    self.mask = Mask(brightnessOf: drawn.fitted(width: size.width, height: size.height))
    self.maskHash = maskHash
  }

  private init(_ picture: Picture, _ mask: Mask?, _ hash: String, _ maskHash: String?) {
    (self.picture, self.mask, self.hash, self.maskHash) = (picture, mask, hash, maskHash)
  }

  /// For models that draw at another size than they are asked for.
  func fitted(to size: PictureSize) -> SourcePicture {
    SourcePicture(
      picture.fitted(width: size.width, height: size.height), mask?.resized(width: size.width, height: size.height), hash,
      maskHash)
  }

  private static func read(_ url: URL) throws -> (Picture, String) {
    guard let data = try? Data(contentsOf: url) else { throw SourceError.unreadable(path: url.path) }
    let bytes = Array(data)
    return (try PNG.decode(bytes, source: url.path).picture, sha256(bytes))
  }

  /// Its own size where that can be drawn; a larger one shrinks in both directions alike.
  private static func nearestSize(to picture: Picture, step: Int) -> PictureSize {
    let largest = Double(max(picture.width, picture.height))
    let scale = min(1, Double(PictureSize.limits.upperBound) / largest)
    let side = { (length: Int) in max(1, Int((Double(length) * scale).rounded())) }
    return PictureSize(width: side(picture.width), height: side(picture.height)).nearestLegal(step: step)
  }

  public var size: PictureSize { PictureSize(width: picture.width, height: picture.height) }

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
  func restored(around drawn: Picture) -> Picture {
    guard let mask else { return drawn }
    return picture.blended(with: drawn, mask: mask.feathered(radius: 6))
  }
}

extension Mask {
  /// This mask fading to 0 towards its edges, and 0 wherever it was: twice its blur less one, no more than itself.
  func feathered(radius: Int) -> Mask {
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
    return Mask(
      width: width, height: height,
      values: zip(values, both).map { UInt8(max(0, min(Float($0), 2 * $1 - 255)).rounded()) })
  }
}

public enum SourceError: Error, CustomStringConvertible {
  case unreadable(path: String)
  case mask(path: String, Int, Int, Int, Int)
  case strength(Double)
  case noImage(String)

  public var description: String {
    switch self {
    case .unreadable(let path): "\(path): no such file, or not readable"
    case .mask(let path, let width, let height, let wantedWidth, let wantedHeight):
      "\(path): the mask is \(width)x\(height), the picture \(wantedWidth)x\(wantedHeight); their shapes must agree"
    case .strength(let strength): "strength \(strength): expected a number above 0 and at most 1"
    case .noImage(let option): "\(option) needs --image"
    }
  }
}

/// Holds the known part of latents during a run.
///
/// Instead of mixing noised latents in after each step (Lugmayr et al., 2201.09865), the known places get the one noise
/// prediction that leads to the known picture: every sampler, of any order and with its memory of earlier steps, then
/// arrives at it, and the free places see a surrounding of the right noise level at every step.
struct KnownLatents {
  /// [1, C, h, w].
  let latents: Tensor
  /// [h, w]: 1 is free, 0 is known.
  let freedom: [Float]

  /// ε' = m·ε + (1 − m)·(x − √ᾱ·known) / √(1−ᾱ).
  func holding(_ prediction: Prediction, _ x: Tensor, at level: NoiseLevel) -> Prediction {
    let noise = prediction.noise.copy()  // [N, C, h, w]
    let (signal, deviation) = (Float(level.signal), Float(level.noise))
    noise.withFloats { target in
      x.withFloats { x in
        latents.withFloats { known in
          for index in target.indices {
            let share = freedom[index % freedom.count]
            guard share < 1 else { continue }
            let fixed = (x[index] - signal * known[index % known.count]) / deviation
            target[index] = share * target[index] + (1 - share) * fixed
          }
        }
      }
    }
    return Prediction(noise: noise, varianceLogits: prediction.varianceLogits)
  }
}
