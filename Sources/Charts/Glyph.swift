import Foundation

/// The strokes of a character: a pen's path in units of which the em has 20. Capitals are 14 high, small letters 10,
/// descenders reach −4; `y` goes up from the baseline, `x` from the leftmost stroke.
struct Glyph: Sendable {
  /// A stroke of one point is a dot.
  var strokes: [[Point]]
  /// Room to the left and right of the outermost strokes.
  var bearing: Double = 2.1

  /// Figures stand in columns.
  var isFigure = false
  static let figureWidth = 11.8

  var width: Double { strokes.joined().map(\.x).max() ?? 0 }
  var height: Double { strokes.joined().map(\.y).max() ?? 0 }

  /// Reads a path: `M x y` puts the pen down, `L x y` draws on, `D x y` makes a dot; `A cx cy rx ry from to` begins with
  /// an arc of an ellipse (degrees, counter-clockwise where `to` is larger), `a …` draws on with one. nil where the text
  /// is none.
  init?(path: String, bearing: Double = 2.1) {
    strokes = []
    self.bearing = bearing
    var words = path.split(separator: " ")[...]
    func numbers(_ count: Int) -> [Double]? {
      let numbers = words.prefix(count).compactMap { Double($0) }
      words = words.dropFirst(count)
      return numbers.count == count ? numbers : nil
    }
    while let command = words.popFirst() {
      guard let n = numbers(command == "A" || command == "a" ? 6 : 2) else { return nil }
      switch command {
      case "M", "D": strokes.append([Point(n[0], n[1])])
      case "A": strokes.append(Self.arc(n))
      case "L" where !strokes.isEmpty: strokes[strokes.count - 1].append(Point(n[0], n[1]))
      case "a" where !strokes.isEmpty: strokes[strokes.count - 1] += Self.arc(n)
      default: return nil
      }
    }
  }

  init(strokes: [[Point]], bearing: Double) {
    (self.strokes, self.bearing) = (strokes, bearing)
  }

  private static func arc(_ n: [Double]) -> [Point] {
    let pieces = max(1, Int((abs(n[5] - n[4]) / 10).rounded(.up)))
    return (0...pieces).map { i in
      let angle = (n[4] + (n[5] - n[4]) * Double(i) / Double(pieces)) * .pi / 180
      return Point(n[0] + n[2] * cos(angle), n[1] + n[3] * sin(angle))
    }
  }

  /// This glyph smaller and elsewhere: superscripts, fractions.
  func moved(x: Double = 0, y: Double = 0, scale: Double = 1) -> Glyph {
    var glyph = self
    glyph.strokes = strokes.map { $0.map { Point($0.x * scale + x, $0.y * scale + y) } }
    glyph.bearing = bearing * scale
    glyph.isFigure = isFigure && scale == 1
    return glyph
  }

  static func + (a: Glyph, b: Glyph) -> Glyph { Glyph(strokes: a.strokes + b.strokes, bearing: a.bearing) }
}
