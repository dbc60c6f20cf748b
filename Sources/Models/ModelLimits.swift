import DiTCheckpoints
import Foundation

/// What a model says of itself that it draws, and in how many steps: `limits.json` in its folder. What lies outside is drawn
/// all the same, but not as asked; for sizes there is a ``SizePlan``.
package struct ModelLimits: Decodable, Sendable {
  /// Sizes at which shapes hold together: areas from `smallest`² to `largest`² pixels, sides up to `aspect` : 1.
  package struct Sizes: Decodable, Sendable {
    package let smallest, largest: Int
    package let aspect: Double
  }

  /// Of the captions it was trained on.
  package let language: String?
  /// How many of a kind it counts up to.
  package let counts: Int?
  /// The styles it was shown, a word each.
  package let styles: [String]?
  /// Whether it was shown what things do.
  package let actions: Bool?
  package let sizes: Sizes?
  /// As many as change what is drawn; more take longer.
  package let steps: Int?

  /// - Returns: nil where the folder has no such file.
  /// - Throws: `ConfigurationError` for one that cannot be read.
  init?(in folder: URL) throws {
    let file = folder.appendingPathComponent(ModelLimits.fileName)
    guard FileManager.default.fileExists(atPath: file.path) else { return nil }
    self = try readConfiguration(ModelLimits.self, at: file)
    func fits(_ condition: Bool, _ reason: String) throws {
      guard condition else { throw ConfigurationError.wrong(file: file.path, reason: reason) }
    }
    try fits(steps.map((1...1000).contains) ?? true, "steps: expected 1 to 1000")
    guard let sizes else { return }
    try fits(
      sizes.smallest > 0 && sizes.largest >= sizes.smallest && sizes.largest <= 65_536 && sizes.aspect >= 1 && sizes.aspect <= 64,
      "sizes: expected smallest and largest from 1 to 65536, aspect from 1 to 64")
  }

  static let fileName = "limits.json"

  /// The nearest size within ``sizes``, or nil where `size` is within.
  /// - Parameter step: what sides are multiples of.
  package func better(than size: PictureSize, step: Int) -> PictureSize? {
    guard let sizes, size.width > 0, size.height > 0 else { return nil }
    let (width, height) = (Double(size.width), Double(size.height))
    let aspect = max(width, height) / min(width, height)
    let smallest = Double(sizes.smallest * sizes.smallest), largest = Double(sizes.largest * sizes.largest)
    guard aspect > sizes.aspect || width * height < smallest || width * height > largest else { return nil }
    let area = min(max(width * height, smallest), largest)
    let wanted = min(aspect, sizes.aspect)
    let (long, short) = ((area * wanted).squareRoot(), (area / wanted).squareRoot())
    // Of the multiples around it the nearest one within: rounding must not lead out again.
    func around(_ side: Double) -> [Int] { [Int(side) / step * step, Int(side) / step * step + step].filter { $0 > 0 } }
    let candidates = around(long).flatMap { long in around(short).map { (long, $0) } }.filter { long, short in
      let area = Double(long * short)
      return long >= short && area >= smallest && area <= largest && Double(long) <= sizes.aspect * Double(short)
    }
    func distance(_ sides: (Int, Int)) -> Double { abs(log(Double(sides.0) / long)) + abs(log(Double(sides.1) / short)) }
    guard let best = candidates.min(by: { distance($0) < distance($1) }) else {
      return PictureSize(width: sizes.smallest, height: sizes.smallest)
    }
    return width >= height ? PictureSize(width: best.0, height: best.1) : PictureSize(width: best.1, height: best.0)
  }
}
