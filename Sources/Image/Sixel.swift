/// Six pixels a character, one colour at a time (DEC VT340).
enum Sixel {
  /// - Parameter cellWidth: the pixels of a column.
  static func encode(_ picture: Picture, columns: Int, cellWidth: Int = 8) -> String {
    let (width, overflow) = columns.multipliedReportingOverflow(by: cellWidth)
    let small = overflow ? picture : picture.shrunk(toWidth: width)
    let (palette, indices) = Palette.reduced(small, to: 255)

    // 0;1 leaves pixels alone that no colour sets; the raster attributes say 1:1 and the size.
    var text = "\u{1B}P0;1q\"1;1;\(small.width);\(small.height)"
    for (i, color) in palette.enumerated() {
      func percent(_ value: UInt8) -> Int { (Int(value) * 100 + 127) / 255 }
      text += "#\(i);2;\(percent(color.red));\(percent(color.green));\(percent(color.blue))"
    }
    for top in stride(from: 0, to: small.height, by: 6) {
      text += band(indices, width: small.width, rows: top..<min(top + 6, small.height)) + "-"
    }
    return text + "\u{1B}\\\n"
  }

  /// A band of up to six rows: for each of its colours, a character a column.
  private static func band(_ indices: [Int], width: Int, rows: Range<Int>) -> String {
    var masks: [Int: [UInt8]] = [:]
    for (bit, y) in rows.enumerated() {
      for x in 0..<width { masks[indices[y * width + x], default: [UInt8](repeating: 0, count: width)][x] |= 1 << bit }
    }
    // Sorted, so that one picture always gives one text; "$" goes back to the left edge.
    return masks.sorted { $0.key < $1.key }.map { "#\($0.key)" + packed($0.value) }.joined(separator: "$")
  }

  /// Runs as "!count character".
  private static func packed(_ masks: [UInt8]) -> String {
    var text: [UInt8] = []
    var x = 0
    while x < masks.count {
      let end = masks[x...].firstIndex { $0 != masks[x] } ?? masks.count
      if end == masks.count && masks[x] == 0 { break }  // nothing more to draw
      let character = masks[x] + 63
      text += end - x > 3 ? Array("!\(end - x)".utf8) + [character] : [UInt8](repeating: character, count: end - x)
      x = end
    }
    return String(decoding: text, as: UTF8.self)
  }
}
