import DiTImage

/// Pictures side by side on white, with words: a prompt file, seeds against guidance scales, two models.
package struct ContactSheet: Sendable {
  /// A picture and what is said under it.
  package struct Item: Sendable {
    package var picture: Picture
    package var caption: String

    package init(_ picture: Picture, _ caption: String = "") {
      (self.picture, self.caption) = (picture, caption)
    }
  }

  /// The grid, top down; nil leaves a place empty, and rows may be of different lengths.
  package var rows: [[Item?]]
  package var title: String
  /// Over the columns, left to right.
  package var columnHeaders: [String]
  /// At the left of the rows, top down.
  package var rowLabels: [String]
  /// Lines of a caption before it is cut with an ellipsis.
  package var captionLines: Int
  /// The em of the captions in pixels; nil goes by the size of the pictures.
  package var fontSize: Double?

  package init(
    rows: [[Item?]], title: String = "", columnHeaders: [String] = [], rowLabels: [String] = [],
    captionLines: Int = 3, fontSize: Double? = nil
  ) {
    self.rows = rows
    self.title = title
    self.columnHeaders = columnHeaders
    self.rowLabels = rowLabels
    self.captionLines = max(0, captionLines)
    self.fontSize = fontSize
  }

  /// A plain grid, row by row.
  /// - Parameter columns: nil makes the grid about as wide as high, or rather wider.
  package init(_ items: [Item], columns: Int? = nil, title: String = "", captionLines: Int = 3) {
    let columns = max(1, columns ?? Int(Double(items.count).squareRoot().rounded(.up)))
    self.init(
      rows: stride(from: 0, to: items.count, by: columns).map { Array(items[$0..<min($0 + columns, items.count)]) },
      title: title, captionLines: captionLines)
  }

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
      canvas.text(lines: lines, x: layout.columns[column].start, y: layout.headerTop, font: layout.labelFont)
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
        let x = layout.columns[column].start
        canvas.blit(item.picture, x: x, y: place.start + place.height - item.picture.height)
        canvas.text(
          lines: layout.captions[i][column], x: x,
          y: place.start + place.height + layout.captionGap, font: layout.font, color: .faint)
      }
    }
    return canvas.picture
  }

  /// Where everything goes.
  private struct Layout {
    let font: Font, labelFont: Font, titleFont: Font
    let margin: Int, gap: Int, captionGap: Int
    var width = 0, height = 0, headerTop = 0
    var titleLines: [String] = []
    var headers: [[String]] = []
    var labels: [[String]] = []
    var captions: [[[String]]] = []
    var columns: [(start: Int, width: Int)] = []
    /// The height is that of the pictures alone.
    var rows: [(start: Int, height: Int)] = []

    init(_ sheet: ContactSheet) {
      let pictures = sheet.rows.joined().compactMap { $0?.picture }
      let largest = pictures.map(\.width).max() ?? 64
      let size = sheet.fontSize ?? min(16, max(12, Double(largest) / 16)).rounded()
      font = Font(size: size)
      labelFont = Font(size: size + 1, isBold: true)
      titleFont = Font(size: (size * 1.5).rounded(), isBold: true)
      gap = min(24, max(8, largest / 16))
      margin = gap * 2
      captionGap = max(4, font.lineHeight / 3)

      let columnCount = sheet.rows.map(\.count).max() ?? 0
      let widths = (0..<columnCount).map { column in
        max(48, sheet.rows.compactMap { $0.count > column ? $0[column]?.picture.width : nil }.max() ?? 0)
      }
      let labelLimit = max(90, largest * 3 / 4)
      labels = sheet.rowLabels.prefix(sheet.rows.count).map {
        labelFont.wrapped($0, width: labelLimit, maximumLines: 8)
      }
      let labelWidth = labels.joined().map { labelFont.width(of: $0) }.max() ?? 0
      var x = margin + (labelWidth > 0 ? labelWidth + gap : 0)
      for width in widths {
        columns.append((x, width))
        x += width + gap
      }
      width = max(x - (widths.isEmpty ? 0 : gap), 200) + margin

      var y = margin
      titleLines = titleFont.wrapped(sheet.title, width: width - 2 * margin, maximumLines: 4)
      if !titleLines.isEmpty { y += titleLines.count * titleFont.lineHeight + gap }
      headerTop = y
      headers = zip(sheet.columnHeaders, widths).map { labelFont.wrapped($0, width: $1, maximumLines: 3) }
      let headerLines = headers.map(\.count).max() ?? 0
      if headerLines > 0 { y += headerLines * labelFont.lineHeight + captionGap }

      for row in sheet.rows {
        let height = row.compactMap { $0?.picture.height }.max() ?? 0
        let texts = zip(row, widths).map { item, width in
          font.wrapped(item?.caption ?? "", width: width, maximumLines: sheet.captionLines)
        }
        let lines = texts.map(\.count).max() ?? 0
        captions.append(texts)
        rows.append((y, height))
        // A caption belongs to the picture above it: more room follows than precedes.
        y += height + (lines > 0 ? captionGap + lines * font.lineHeight + gap / 2 + captionGap : 0) + gap
      }
      height = y - (sheet.rows.isEmpty ? 0 : gap) + margin
    }
  }
}
