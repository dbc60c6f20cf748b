import DiTDiffusion

/// Which lessons a step has: a function of the seed and the step alone, so that a run that was stopped goes on as if it had
/// not been.
///
/// Every third lesson is one of the model's own pictures, so that it forgets nothing. Of either kind all come once, in an order
/// by chance, before any comes again.
package struct LessonOrder: Sendable {
  package enum Place: Sendable, Hashable {
    case taught(Int)
    case own(Int)
  }

  /// Lessons of a step.
  package static let batch = 4

  private let taught, own: Int
  private let seed: UInt64

  /// - Parameters:
  ///   - taught: how many lessons there are, 1 or more.
  ///   - own: of these 0 or more.
  package init(taught: Int, own: Int, seed: UInt64) { (self.taught, self.own, self.seed) = (taught, own, seed) }

  /// - Parameter step: from 0.
  package func lessons(_ step: Int) -> [Place] {
    (step * Self.batch..<(step + 1) * Self.batch).map { number in
      guard own > 0 else { return .taught(draw(number, of: taught, stream: 0)) }
      return number % 3 == 2
        ? .own(draw(number / 3, of: own, stream: 1)) : .taught(draw(number - number / 3, of: taught, stream: 0))
    }
  }

  /// The `number`th of endless rounds over `count` things.
  private func draw(_ number: Int, of count: Int, stream: UInt64) -> Int {
    var random = TorchRandom(seed: seed &* 0x85EB_CA6B &+ UInt64(number / count) &* 2 &+ stream)
    // Fisher and Yates's shuffle, as far as the one that is asked for.
    var order = Array(0..<count)
    for place in 0...number % count {
      order.swapAt(place, place + min(count - place - 1, Int(random.uniform() * Float(count - place))))
    }
    return order[number % count]
  }
}
