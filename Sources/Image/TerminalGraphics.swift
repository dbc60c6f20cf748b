/// Ways to show a picture in a terminal.
package enum TerminalGraphics: String, CaseIterable, Sendable {
  /// Two pixels a character, in 24-bit colour: everywhere.
  case halfBlocks
  /// The graphics protocol of kitty: also Ghostty and Konsole.
  case kitty
  /// The inline images of iTerm2: also WezTerm.
  case iTerm
  /// DEC sixel: foot, mlterm, contour, xterm -ti vt340.
  case sixel

  /// What the terminal of this process can do, by its environment; nil where it is none that shows colours.
  ///
  /// Whether there is a terminal at all (`isatty`) is for the caller to ask. A multiplexer (tmux, screen) draws its own
  /// cells and loses other graphics, so it gets half blocks.
  package static func detect(environment: [String: String]) -> TerminalGraphics? {
    let term = environment["TERM"] ?? ""
    let program = environment["TERM_PROGRAM"] ?? ""
    if term.isEmpty || term == "dumb" { return nil }
    if environment["TMUX"] != nil || term.hasPrefix("tmux") || term.hasPrefix("screen") { return .halfBlocks }
    if program == "WezTerm" || program == "iTerm.app" || environment["LC_TERMINAL"] == "iTerm2" { return .iTerm }
    if environment["KITTY_WINDOW_ID"] != nil || term == "xterm-kitty" || term == "xterm-ghostty" || program == "ghostty"
      || environment["KONSOLE_VERSION"] != nil
    {
      return .kitty
    }
    if ["foot", "mlterm", "contour", "yaft"].contains(where: term.hasPrefix) || term.contains("sixel") {
      return .sixel
    }
    return .halfBlocks
  }

  /// The characters that show a picture, ending in a newline.
  /// - Parameter columns: the width in character cells; small pictures are not enlarged beyond a pixel a half block.
  package func encode(_ picture: Picture, columns: Int) -> String {
    let columns = max(1, columns)
    switch self {
    case .halfBlocks: return HalfBlocks.encode(picture, columns: columns)
    case .kitty: return InlineImage.kitty(picture, columns: columns)
    case .iTerm: return InlineImage.iTerm(picture, columns: columns)
    case .sixel: return Sixel.encode(picture, columns: columns)
    }
  }
}

extension Picture {
  /// This picture no wider than `width`, its aspect kept; as it is where that is no width.
  func shrunk(toWidth width: Int) -> Picture {
    let height = max(1, Int((Double(height) * Double(width) / Double(self.width)).rounded()))
    return width < self.width ? (try? resized(width: width, height: height)) ?? self : self
  }
}
