import DiTCharts
import DiTImage
import Testing

@Suite struct CanvasTests {
  @Test func drawsNothingOutside() {
    var canvas = Canvas(width: 8, height: 6)
    canvas.fill(x: -5, y: -5, width: 7, height: 6, color: .black)
    canvas.fill(x: 7, y: 5, width: .max, height: .max, color: .black)
    canvas.fill(x: 20, y: 0, width: 3, height: 3, color: .black)
    canvas.fill(x: 3, y: 3, width: -1, height: 2, color: .black)
    let black = (0..<6).flatMap { y in (0..<8).filter { canvas.picture[$0, y] == .black }.map { [$0, y] } }
    #expect(black == [[0, 0], [1, 0], [7, 5]])

    let before = canvas.picture
    canvas.line(from: Point(.nan, 0), to: Point(3, 3), color: .black)
    canvas.line(from: Point(-1e300, -50), to: Point(1e300, -50), color: .black)
    canvas.disc(at: Point(.infinity, 1), radius: 3, color: .black)
    canvas.stroke([[], []], width: 2, color: .black)
    canvas.text("outside", x: 100, y: -100)
    #expect(canvas.picture == before)
  }

  @Test func blitsWhatIsInside() {
    let source = Picture.random(4, 3)
    for (x, y) in [(0, 0), (-2, -1), (3, 2), (9, 9), (-4, 0), (1, -7)] {
      var canvas = Canvas(width: 5, height: 4)
      canvas.blit(source, x: x, y: y)
      for row in 0..<4 {
        for column in 0..<5 {
          let inside = (0..<4).contains(column - x) && (0..<3).contains(row - y)
          #expect(canvas.picture[column, row] == (inside ? source[column - x, row - y] : .white))
        }
      }
    }
  }

  @Test func linesAreAntiAliased() {
    var canvas = Canvas(width: 9, height: 5)
    canvas.line(from: Point(-3, 2.5), to: Point(12, 2.5), width: 1, color: .black)
    #expect((0..<5).map { canvas.picture[4, $0].red } == [255, 255, 0, 255, 255])
    canvas = Canvas(width: 9, height: 5)
    canvas.line(from: Point(-3, 2), to: Point(12, 2), width: 1, color: .black)
    #expect((0..<5).map { canvas.picture[4, $0].red } == [255, 128, 128, 255, 255])
    // Where strokes of one shape cross, nothing is painted twice.
    canvas = Canvas(width: 9, height: 9)
    canvas.stroke(
      [[Point(0, 4.5), Point(9, 4.5)], [Point(4.5, 0), Point(4.5, 9)]], width: 1, color: .black, opacity: 0.5)
    #expect(canvas.picture[4, 4] == canvas.picture[1, 4])
  }

  @Test func uprightTextIsTextTurned() {
    var level = Canvas(width: 60, height: 60)
    var upright = Canvas(width: 60, height: 60)
    level.text("Fox 7", x: 5, y: 10)
    upright.uprightText("Fox 7", x: 10, y: 55)
    for y in 0..<60 {
      for x in 0..<60 { #expect(abs(Int(level.picture[x, y].red) - Int(upright.picture[y, 59 - x].red)) <= 1) }
    }
  }
}
