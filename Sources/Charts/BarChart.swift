import DiTImage

/// Bars to the right, grouped: a benchmark's machines and variants.
package struct BarChart: Sendable {
  package struct Series: Sendable {
    package var name: String
    /// One for each group; NaN leaves its place empty.
    package var values: [Double]

    package init(_ name: String, _ values: [Double]) {
      (self.name, self.values) = (name, values)
    }
  }

  package var title: String
  /// What the numbers are: "ms a step".
  package var unit: String
  /// The names of the groups, top down.
  package var groups: [String]
  package var series: [Series]
  package var isLogarithmic = false

  package init(title: String = "", unit: String = "", groups: [String], series: [Series]) {
    (self.title, self.unit, self.groups, self.series) = (title, unit, groups, series)
  }

  /// Draws the chart, as high as its bars need.
  package func drawn(width: Int = 800) -> Picture {
    let width = max(320, width)
    let font = ChartStyle.labelFont
    let margin = ChartStyle.margin
    let values = series.flatMap(\.values)
    // A logarithmic axis has no zero to stand on: it begins below the least value, so that this has a bar too.
    let least = isLogarithmic ? values.filter { $0 > 0 }.min().map { [$0 / 2] } ?? [] : []
    let axis = Axis(holding: values + least, isLogarithmic: isLogarithmic, fromZero: true, tickCount: width / 130)
    let barHeight = series.count > 1 ? 16 : 20
    let groupGap = 12
    let groupHeight = max(font.lineHeight, series.count * (barHeight + 2))

    // Drawn once to learn how high the head is, then for good.
    var canvas = Canvas(width: width, height: 400)
    let top = ChartStyle.drawHead(&canvas, title: title, names: series.map(\.name))
    let bottom = top + groups.count * (groupHeight + groupGap)
    canvas = Canvas(width: width, height: bottom + font.lineHeight * (unit.isEmpty ? 1 : 2) + 12 + margin)
    _ = ChartStyle.drawHead(&canvas, title: title, names: series.map(\.name))

    let names = groups.map { font.cut($0, width: width / 3) }
    let left = margin + (names.map { font.width(of: $0) }.max() ?? 0) + 10
    let room = series.flatMap(\.values).map { font.width(of: Axis.short($0)) }.max() ?? 0
    let right = width - margin - room - 8
    func place(_ value: Double) -> Int? {
      axis.position(value).map { left + Int(($0 * Double(right - left)).rounded()) }
    }

    for tick in axis.ticks {
      guard let x = place(tick) else { continue }
      canvas.fill(x: x, y: top, width: 1, height: bottom - top, color: .hairline)
      canvas.text(axis.label(tick), x: x, y: bottom + 4, font: ChartStyle.tickFont, color: .faint, alignment: .center)
    }
    canvas.text(
      unit, x: (left + right) / 2, y: bottom + 8 + font.lineHeight, font: ChartStyle.tickFont, alignment: .center)

    // Bars stand on zero, or on the low end of a logarithmic axis.
    let origin = (isLogarithmic ? nil : place(0)) ?? left
    for (row, name) in names.enumerated() {
      let start = top + row * (groupHeight + groupGap) + groupGap / 2
      canvas.text(name, x: left - 10, y: start + (groupHeight - font.lineHeight) / 2, font: font, alignment: .right)
      for (i, one) in series.enumerated() {
        guard row < one.values.count, let end = place(one.values[row]) else { continue }
        let y = start + i * (barHeight + 2) + (groupHeight - series.count * (barHeight + 2)) / 2
        canvas.fill(
          x: min(origin, end), y: y, width: max(1, abs(end - origin)), height: barHeight, color: ChartStyle.color(i))
        let text = y + (barHeight - ChartStyle.tickFont.lineHeight) / 2
        canvas.text(Axis.short(one.values[row]), x: max(origin, end) + 6, y: text, font: ChartStyle.tickFont)
      }
    }
    canvas.fill(x: origin, y: top, width: 1, height: bottom - top, color: .faint)
    return canvas.picture
  }
}
