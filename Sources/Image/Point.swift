/// A place on a canvas: `x` to the right and `y` down, in pixels; (0, 0) is the outer corner of the first pixel.
public struct Point: Equatable, Sendable {
  public var x: Double
  public var y: Double

  public init(_ x: Double, _ y: Double) {
    (self.x, self.y) = (x, y)
  }
}
