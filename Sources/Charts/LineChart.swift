import DiTImage

/// Series of points joined by lines: a loss against steps, seconds against threads.
package struct LineChart: Sendable {
  package struct Series: Sendable {
    package var name: String
    /// In the order in which they are joined. A point that has no place (NaN, or ≤ 0 on a logarithmic axis) is a gap.
    package var points: [(x: Double, y: Double)]

    package init(_ name: String, _ points: [(x: Double, y: Double)]) {
      (self.name, self.points) = (name, points)
    }
  }

  package var title: String
  package var xTitle: String
  package var yTitle: String
  package var series: [Series]
  package var xIsLogarithmic = false
  package var yIsLogarithmic = false
  /// Whether the y axis begins at 0, so that lengths can be compared.
  package var fromZero = false

  package init(title: String = "", xTitle: String = "", yTitle: String = "", series: [Series]) {
    (self.title, self.xTitle, self.yTitle, self.series) = (title, xTitle, yTitle, series)
  }

  /// Draws the chart, 240×160 pixels at least.
  package func drawn(width: Int = 800, height: Int = 480) -> Picture {
    var canvas = Canvas(width: max(240, width), height: max(160, height))
    let font = ChartStyle.tickFont
    let margin = ChartStyle.margin
    let xAxis = Axis(
      holding: series.flatMap { $0.points.map(\.x) }, isLogarithmic: xIsLogarithmic, tickCount: canvas.width / 110)
    let yAxis = Axis(
      holding: series.flatMap { $0.points.map(\.y) }, isLogarithmic: yIsLogarithmic, fromZero: fromZero,
      tickCount: canvas.height / 80)

    // The plot is what the words leave.
    let top = ChartStyle.drawHead(&canvas, title: title, names: series.map(\.name))
    let bottom = canvas.height - margin - font.lineHeight - (xTitle.isEmpty ? 0 : font.lineHeight + 6)
    let tickWidth = yAxis.ticks.map { font.width(of: yAxis.label($0)) }.max() ?? 0
    let left = margin + tickWidth + 8 + (yTitle.isEmpty ? 0 : font.lineHeight + 6)
    let right = canvas.width - margin - 8

    for tick in yAxis.ticks {
      guard let place = yAxis.position(tick) else { continue }
      let y = bottom - Int((place * Double(bottom - top)).rounded())
      canvas.fill(x: left, y: y, width: right - left, height: 1, color: .hairline)
      canvas.text(
        yAxis.label(tick), x: left - 8, y: y - font.lineHeight / 2, font: font, color: .faint, alignment: .right)
    }
    for tick in xAxis.ticks {
      guard let place = xAxis.position(tick) else { continue }
      let x = left + Int((place * Double(right - left)).rounded())
      canvas.fill(x: x, y: bottom, width: 1, height: 5, color: .faint)
      canvas.text(xAxis.label(tick), x: x, y: bottom + 7, font: font, color: .faint, alignment: .center)
    }
    canvas.fill(x: left, y: bottom, width: right - left + 1, height: 1, color: .faint)
    canvas.text(
      xTitle, x: (left + right) / 2, y: canvas.height - margin - font.lineHeight + 4, font: font, alignment: .center)
    canvas.uprightText(yTitle, x: margin - 4, y: (top + bottom) / 2, font: font, alignment: .center)

    for (i, one) in series.enumerated() {
      var lines: [[Point]] = [[]]
      for point in one.points {
        if let x = xAxis.position(point.x), let y = yAxis.position(point.y) {
          lines[lines.count - 1].append(
            Point(Double(left) + x * Double(right - left) + 0.5, Double(bottom) - y * Double(bottom - top) + 0.5))
        } else {
          lines.append([])
        }
      }
      canvas.stroke(lines.filter { !$0.isEmpty }, width: 2, color: ChartStyle.color(i))
      if one.points.count <= 40 {
        for point in lines.joined() { canvas.disc(at: point, radius: 3.2, color: ChartStyle.color(i)) }
      }
    }
    return canvas.picture
  }
}
