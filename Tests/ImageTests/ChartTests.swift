import DiTCharts
import DiTImage
import Testing

@Suite struct ChartTests {
  static let blue = Color(0x2468B0)

  /// The lengths of the runs of the first series' colour in a column of bars, top down.
  func bars(_ picture: Picture) -> [Int] {
    var lengths: [Int] = []
    var last = 0
    for y in 70..<picture.height {
      let length = (0..<picture.width).filter { picture[$0, y] == Self.blue }.count
      if length > 0 && last == 0 { lengths.append(length) }
      last = length
    }
    return lengths
  }

  @Test func barsAreAsLongAsTheirValues() {
    let chart = BarChart(title: "t", groups: ["a", "b", "c"], series: [.init("s", [50, 100, 25])])
    let lengths = bars(chart.drawn(width: 900))
    #expect(lengths.count == 3)
    #expect(abs(lengths[1] - 2 * lengths[0]) <= 2 && abs(lengths[1] - 4 * lengths[2]) <= 4)
    var logarithmic = chart
    logarithmic.series[0].values = [10, 100, 1000]
    logarithmic.isLogarithmic = true
    let steps = bars(logarithmic.drawn(width: 900))
    #expect(steps.count == 3 && abs((steps[2] - steps[1]) - (steps[1] - steps[0])) <= 2)
  }

  @Test func linesGoWhereThePointsAre() throws {
    var chart = LineChart(series: [.init("", [(0, 0), (10, 10)])])
    let picture = chart.drawn(width: 500, height: 400)
    let points = (0..<500).flatMap { x in (0..<400).filter { picture[x, $0] == Self.blue }.map { (x: x, y: $0) } }
    let left = try #require(points.min { $0.x < $1.x })
    let right = try #require(points.max { $0.x < $1.x })
    #expect(right.y < left.y - 200 && right.x > left.x + 300)
    // A gap where there is no number.
    chart.series = [.init("", [(0, 1), (1, 1), (2, .nan), (3, 1), (4, 1)])]
    let gap = chart.drawn(width: 500, height: 400)
    let columns = (0..<500).map { x in (0..<400).contains { gap[x, $0] == Self.blue } }
    #expect(zip(columns, columns.dropFirst()).filter { $0 != $1 }.count == 4)
  }

  static let odd: [[Double]] = [
    [], [.nan], [0], [5, 5], [-3, 7], [1, 1.0.nextUp], [1e15, 1e15 + 1], [1e300, -1e300],
    [.greatestFiniteMagnitude, 1],
    [.infinity, 0], [1e-307, 1e-300], [-1, 0, .leastNonzeroMagnitude], [1e-9, 1e9], [0.1, 0.2, 0.3], [1e308, -1e308],
  ]

  @Test(arguments: odd) func anyNumbersDraw(values: [Double]) {
    for isLogarithmic in [false, true] {
      var bars = BarChart(title: "a", unit: "u", groups: values.map { "\($0)" } + ["none"], series: [.init("", values)])
      bars.isLogarithmic = isLogarithmic
      #expect(bars.drawn(width: 0).width == 320)
      for other in Self.odd {
        var lines = LineChart(
          title: "a", xTitle: "x", yTitle: "y", series: [.init("s", zip(values + [1], other + [2]).map { ($0, $1) })])
        (lines.xIsLogarithmic, lines.yIsLogarithmic, lines.fromZero) = (isLogarithmic, isLogarithmic, !isLogarithmic)
        #expect(lines.drawn(width: 240, height: 160).height == 160)
      }
    }
  }
}
