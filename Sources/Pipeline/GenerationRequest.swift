import Foundation

/// Width × height in pixels.
public struct PictureSize: Hashable, Sendable, CustomStringConvertible {
  public var width: Int
  public var height: Int

  public init(width: Int, height: Int) {
    self.width = width
    self.height = height
  }

  /// Reads "384x256".
  public init?(_ text: String) {
    let parts = text.lowercased().split(separator: "x", omittingEmptySubsequences: false)
    guard parts.count == 2, let width = Int(parts[0]), let height = Int(parts[1]), width > 0, height > 0 else { return nil }
    self.init(width: width, height: height)
  }

  public var description: String { "\(width)x\(height)" }

  /// Smallest and largest side that is drawn.
  public static let limits = 64...1024

  /// The closest size whose sides are multiples of `step` within ``limits``.
  public func nearestLegal(step: Int) -> PictureSize {
    func nearest(_ side: Int) -> Int {
      let clamped = min(max(side, PictureSize.limits.lowerBound), PictureSize.limits.upperBound)
      let low = clamped / step * step
      let candidates = [low, low + step].filter(PictureSize.limits.contains)
      return candidates.min { abs($0 - clamped) < abs($1 - clamped) } ?? low
    }
    return PictureSize(width: nearest(width), height: nearest(height))
  }
}

/// One picture to draw.
public struct GenerationRequest: Sendable, Equatable {
  /// Empty: no text condition.
  public var prompt = ""
  /// The text of the other branch of guidance; empty: none.
  public var negativePrompt = ""
  /// Nil: no class.
  public var classIndex: Int?
  public var size: PictureSize
  public var steps = 25
  public var sampler = "dpm++"
  public var guidanceScale: Float = 3
  /// The same seed gives the same picture here and the same noise in PyTorch.
  public var seed: UInt64 = 0

  public init(size: PictureSize) { self.size = size }
}

/// Why a request cannot be drawn.
public enum RequestError: Error, CustomStringConvertible {
  case size(PictureSize, nearest: PictureSize, step: Int)
  case steps(Int)
  case guidance(Float)
  case noSuchClass(String, suggestion: String?, count: Int)
  case noClasses(String)
  case promptTooLong(Int)
  case noText(String)
  case notFinite

  public var description: String {
    switch self {
    case .size(let size, let nearest, let step):
      "size \(size): width and height must be multiples of \(step) from \(PictureSize.limits.lowerBound) to "
        + "\(PictureSize.limits.upperBound); the nearest legal size is \(nearest)"
    case .steps(let steps): "\(steps) steps: expected 1 to 1000"
    case .guidance(let scale): "guidance \(scale): expected a number from 0 to 100"
    case .noSuchClass(let name, let suggestion, let count):
      "no class \"\(name)\"\(suggestion.map { "; did you mean \"\($0)\"?" } ?? "") "
        + "('dit-t2i models --classes' lists all \(count))"
    case .noClasses(let name): "class \"\(name)\": this model has no class names; give an index"
    case .promptTooLong(let count): "the prompt has \(count) bytes; at most 1,000,000 are read"
    case .noText(let model): "\(model) draws classes, not text: give --class instead of a prompt"
    case .notFinite: "the model's numbers overflowed (NaN or infinity); try --precision f32 or a lower --guidance"
    }
  }
}
