/// At which timesteps a style is learnt.
///
/// Below a part of them its pictures are learnt from. Above, where noise leaves of a picture only where its things are, the model
/// learns to say with the style what it says without it: what is drawn over a picture from there on keeps shapes (SDEdit,
/// arXiv 2108.01073), and so they stay those that it knows.
struct StyleTimesteps {
  private let all: Int
  /// The first timestep of shapes.
  let shapes: Int

  private static let styled = 0.55
  /// Of the model's own pictures so many come without words: guidance draws away from what the model says without them, and
  /// that must not change either.
  static let untold: Float = 1.0 / 3

  /// - Parameter all: the timesteps of training.
  init(of all: Int) {
    self.all = all
    shapes = Int(Self.styled * Double(all))
  }

  /// Of a style's pictures one at which it is learnt; of the model's own as often one of either kind.
  /// - Parameter chance: from 0 to below 1.
  func chosen(_ chance: Float, isOwn: Bool) -> Int {
    guard isOwn else { return Int(chance * Float(shapes)) }
    return chance < 0.5 ? Int(2 * chance * Float(shapes)) : shapes + Int((2 * chance - 1) * Float(all - shapes))
  }
}
