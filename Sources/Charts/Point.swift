/// A place on a canvas: `x` to the right and `y` down, in pixels; (0, 0) is the outer corner of the first pixel.
package struct Point: Equatable, Sendable {
  package var x: Double
  package var y: Double

  package init(_ x: Double, _ y: Double) {
    (self.x, self.y) = (x, y)
  }
}
