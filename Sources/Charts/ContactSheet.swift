import DiTImage

/// Pictures side by side on white, each in a thin frame, with words: a prompt file, seeds against guidance scales, two models.
package struct ContactSheet: Sendable {
  /// A picture and what is said under it.
  package struct Item: Sendable {
    package var picture: Picture
    package var caption: String
    /// A last line below the caption, which is never cut off: a seed.
    package var detail: String

    package init(_ picture: Picture, _ caption: String = "", detail: String = "") {
      (self.picture, self.caption, self.detail) = (picture, caption, detail)
    }
  }

  /// The grid, top down; nil leaves a place empty, and rows may be of different lengths.
  package var rows: [[Item?]]
  package var title: String
  /// Over the columns, left to right.
  package var columnHeaders: [String]
  /// At the left of the rows, top down.
  package var rowLabels: [String]
  /// Under everything: what all pictures have in common, a paragraph a line.
  package var notes: String
  /// What the ends of the colours of a heat map stand for; a bar of them is drawn above the notes.
  package var heatScale: (low: String, high: String)?
  /// Whether rows are filled one after the other, each picture as wide as it is, rather than in columns.
  private var isFlow = false
  /// Lines of a caption before it is cut with an ellipsis.
  package var captionLines: Int
  /// The em of the captions in pixels; nil goes by the size of the pictures.
  package var fontSize: Double?

  package init(
    rows: [[Item?]], title: String = "", columnHeaders: [String] = [], rowLabels: [String] = [], notes: String = "",
    captionLines: Int = 3, fontSize: Double? = nil
  ) {
    self.rows = rows
    self.title = title
    self.columnHeaders = columnHeaders
    self.rowLabels = rowLabels
    self.notes = notes
    self.captionLines = max(0, captionLines)
    self.fontSize = fontSize
  }

  /// Pictures of any sizes, row by row.
  /// - Parameter width: of a row of pictures; nil makes the sheet about as wide as high, or rather wider. Pictures of equal
  ///   sizes are spread evenly over the rows that they need.
  package init(_ items: [Item], width: Int? = nil, title: String = "", notes: String = "", captionLines: Int = 3) {
    let gap = ContactSheet.gap(items.map(\.picture))
    let count = Double(max(1, items.count))
    let mean = items.reduce(0) { $0 + Double($1.picture.width) } / count
    let aspect = mean / max(1, items.reduce(0) { $0 + Double($1.picture.height) } / count)
    var columns = max(1, (count / max(aspect, 1e-3)).squareRoot().rounded(.up))
    if let width {
      let most = max(1, (Double(width + gap) / (mean + Double(gap))).rounded(.down))
      columns = (count / (count / most).rounded(.up)).rounded(.up)
    }
    let limit = columns * (mean + Double(gap)) + 0.5
    var rows: [[Item?]] = []
    var used = Double.infinity
    for item in items {
      let needed = Double(item.picture.width + gap)
      if used + needed > limit { (used, rows) = (0, rows + [[]]) }
      rows[rows.count - 1].append(item)
      used += needed
    }
    self.init(rows: rows, title: title, notes: notes, captionLines: captionLines)
    isFlow = true
  }

  /// The width that a row of many pictures may have.
  package static let screen = 2200

  /// Pixels between pictures.
  private static func gap(_ pictures: [Picture]) -> Int { min(24, max(8, (pictures.map(\.width).max() ?? 64) / 16)) }

  /// Draws the sheet.
  /// - Throws: `ImageError.unwritable` where it would have more than 256 million pixels.
  package func drawn() throws(ImageError) -> Picture {
    let layout = Layout(self)
    let (area, overflow) = layout.width.multipliedReportingOverflow(by: layout.height)
    guard !overflow, area <= 256 << 20 else {
      throw .unwritable(reason: "a sheet of \(layout.width)×\(layout.height) pixels is too large")
    }
    var canvas = Canvas(width: layout.width, height: layout.height)
    for (i, line) in layout.titleLines.enumerated() {
      canvas.text(line, x: layout.margin, y: layout.margin + i * layout.titleFont.lineHeight, font: layout.titleFont)
    }
    for (column, lines) in layout.headers.enumerated() {
      canvas.text(lines: lines, x: layout.columns[0][column].start, y: layout.headerTop, font: layout.labelFont)
    }
    for (i, row) in rows.enumerated() {
      let place = layout.rows[i]
      if i < layout.labels.count {
        let lines = layout.labels[i]
        let top = place.start + max(0, (place.height - lines.count * layout.labelFont.lineHeight) / 2)
        canvas.text(lines: lines, x: layout.margin, y: top, font: layout.labelFont)
      }
      for (column, item) in row.enumerated() {
        guard let item else { continue }
        // Standing on the line of its row, with the caption under its left edge.
        let x = layout.columns[isFlow ? i : 0][column].start
        let (picture, y) = (item.picture, place.start + place.height - item.picture.height)
        // Outside the picture: a white one has to end somewhere.
        canvas.frame(x: x - 1, y: y - 1, width: picture.width + 2, height: picture.height + 2, color: .hairline)
        canvas.blit(picture, x: x, y: y)
        canvas.text(
          lines: layout.captions[i][column], x: x,
          y: place.start + place.height + layout.captionGap, font: layout.font, color: .faint)
      }
    }
    if let heatScale { drawScale(heatScale, on: &canvas, layout) }
    canvas.text(lines: layout.notes, x: layout.margin, y: layout.notesTop, font: layout.font, color: .faint)
    return canvas.picture
  }

  /// A bar of the heat map's colours between the words for its ends.
  private func drawScale(_ scale: (low: String, high: String), on canvas: inout Canvas, _ layout: Layout) {
    let (font, y) = (layout.font, layout.scaleTop)
    canvas.text(scale.low, x: layout.margin, y: y, font: font, color: .faint)
    let start = layout.margin + font.width(of: scale.low) + layout.captionGap
    let width = max(48, min(256, canvas.width - layout.margin - start - layout.captionGap - font.width(of: scale.high)))
    for column in 0..<width {
      let color = HeatMap.color(Float(column) / Float(width - 1))
      canvas.fill(x: start + column, y: y + 2, width: 1, height: font.lineHeight - 4, color: color)
    }
    canvas.text(scale.high, x: start + width + layout.captionGap, y: y, font: font, color: .faint)
  }

  /// Where everything goes.
  private struct Layout {
    let font: Font, labelFont: Font, titleFont: Font
    let margin: Int, gap: Int, captionGap: Int
    var width = 0, height = 0, headerTop = 0, scaleTop = 0, notesTop = 0
    var titleLines: [String] = []
    var headers: [[String]] = []
    var labels: [[String]] = []
    var captions: [[[String]]] = []
    var notes: [String] = []
    /// Of each row, where rows are filled one after the other; else of all of them.
    var columns: [[(start: Int, width: Int)]] = []
    /// The height is that of the pictures alone.
    var rows: [(start: Int, height: Int)] = []

    init(_ sheet: ContactSheet) {
      let pictures = sheet.rows.joined().compactMap { $0?.picture }
      let largest = pictures.map(\.width).max() ?? 64
      let size = sheet.fontSize ?? min(16, max(12, Double(largest) / 16)).rounded()
      font = Font(size: size)
      labelFont = Font(size: size + 1, isBold: true)
      titleFont = Font(size: (size * 1.5).rounded(), isBold: true)
      gap = ContactSheet.gap(pictures)
      margin = gap * 2
      captionGap = max(4, font.lineHeight / 3)

      let groups = sheet.isFlow ? sheet.rows.map { [$0] } : [sheet.rows]
      let widths = groups.map { rows in
        (0..<(rows.map(\.count).max() ?? 0)).map { column in
          max(48, rows.compactMap { $0.count > column ? $0[column]?.picture.width : nil }.max() ?? 0)
        }
      }
      let labelLimit = max(90, largest * 3 / 4)
      labels = sheet.rowLabels.prefix(sheet.rows.count).map {
        labelFont.wrapped($0, width: labelLimit, maximumLines: 8)
      }
      let labelWidth = labels.joined().map { labelFont.width(of: $0) }.max() ?? 0
      let left = margin + (labelWidth > 0 ? labelWidth + gap : 0)
      columns = widths.map { widths in
        var x = left
        return widths.map { width in
          defer { x += width + gap }
          return (x, width)
        }
      }
      width = max(columns.compactMap(\.last).map { $0.start + $0.width }.max() ?? left, 200) + margin

      var y = margin
      titleLines = titleFont.wrapped(sheet.title, width: width - 2 * margin, maximumLines: 4)
      if !titleLines.isEmpty { y += titleLines.count * titleFont.lineHeight + gap }
      headerTop = y
      headers = zip(sheet.columnHeaders, widths.first ?? []).map { labelFont.wrapped($0, width: $1, maximumLines: 3) }
      let headerLines = headers.map(\.count).max() ?? 0
      if headerLines > 0 { y += headerLines * labelFont.lineHeight + captionGap }

      captions = sheet.rows.enumerated().map { [font] i, row in
        zip(row, widths[sheet.isFlow ? i : 0]).map { item, width in
          let lines = font.wrapped(item?.caption ?? "", width: width, maximumLines: sheet.captionLines)
          guard let detail = item?.detail, !detail.isEmpty else { return lines }
          return lines + [font.cut(detail, width: width)]
        }
      }
      // As many lines in each row, so that rows stand evenly.
      let lines = captions.joined().map(\.count).max() ?? 0
      for row in sheet.rows {
        let height = row.compactMap { $0?.picture.height }.max() ?? 0
        rows.append((y, height))
        // A caption belongs to the picture above it: more room follows than precedes.
        y += height + (lines > 0 ? captionGap + lines * font.lineHeight + gap / 2 + captionGap : 0) + gap
      }
      if !sheet.rows.isEmpty { y -= gap }
      notes = font.wrapped(sheet.notes, width: width - 2 * margin, maximumLines: 12)
      if sheet.heatScale != nil || !notes.isEmpty { y += gap }
      scaleTop = y
      if sheet.heatScale != nil { y += font.lineHeight + captionGap }
      notesTop = y
      height = y + notes.count * font.lineHeight + margin
    }
  }
}
