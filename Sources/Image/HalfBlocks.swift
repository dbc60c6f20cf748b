/// "▀": the upper pixel is the foreground, the lower one the background.
enum HalfBlocks {
  static func encode(_ picture: Picture, columns: Int) -> String {
    let small = picture.shrunk(toWidth: columns)
    var text = ""
    for y in stride(from: 0, to: small.height, by: 2) {
      var last: (upper: Color?, lower: Color?) = (nil, nil)
      for x in 0..<small.width {
        let upper = small[x, y]
        let lower = y + 1 < small.height ? small[x, y + 1] : nil
        // Colours stay until they are changed: neighbours of one colour cost three bytes instead of forty.
        if upper != last.upper { text += "\u{1B}[38;2;\(upper.red);\(upper.green);\(upper.blue)m" }
        if let lower, lower != last.lower { text += "\u{1B}[48;2;\(lower.red);\(lower.green);\(lower.blue)m" }
        text += "▀"
        last = (upper, lower)
      }
      text += "\u{1B}[0m\n"
    }
    return text
  }
}
