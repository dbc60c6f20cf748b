import Foundation

/// How much of a terminal a text takes.
enum TerminalText {
  /// Of the terminal at standard error; 80×24 where it does not say.
  static var size: (columns: Int, rows: Int) {
    var size = winsize()
    let isKnown = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 && size.ws_row > 0
    return isKnown ? (Int(size.ws_col), Int(size.ws_row)) : (80, 24)
  }

  /// Parts two spaces apart: on one line, but where standard output is a terminal, on as many as it takes.
  static func joined(_ parts: [String]) -> String {
    var size = winsize()
    guard isatty(STDOUT_FILENO) == 1, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
      return parts.joined(separator: "  ")
    }
    var lines: [String] = []
    for part in parts {
      if let last = lines.last, columns(last) + 2 + columns(part) <= Int(size.ws_col) {
        lines[lines.count - 1] = last + "  " + part
      } else {
        lines.append(part)
      }
    }
    return lines.joined(separator: "\n")
  }

  /// A line without what a terminal would obey.
  static func plain(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.filter { $0.properties.generalCategory != .control }))
  }

  /// The cells of a line: two for 狐 and 🦊, none for what is put on other characters.
  static func columns(_ text: String) -> Int { text.unicodeScalars.reduce(0) { $0 + cells(of: $1) } }

  /// The blocks that Unicode's East Asian Width calls wide (annex 11); where one is mixed, too many rather than too few.
  private static func cells(of scalar: Unicode.Scalar) -> Int {
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format, .control: return 0
    default: break
    }
    switch scalar.value {
    case 0x1100...0x115F, 0x2E80...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
      0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x16FE0...0x18DFF, 0x1AFF0...0x1B2FF, 0x1F300...0x1FAFF, 0x20000...0x3FFFD:
      return 2
    default: return scalar.properties.isEmojiPresentation ? 2 : 1
    }
  }

  /// The text, or as much of it as fits with an ellipsis. Control characters are left out.
  static func cut(_ text: String, columns limit: Int) -> String {
    let text = String(text.unicodeScalars.filter { $0.properties.generalCategory != .control }.map(Character.init))
    if columns(text) <= limit { return text }
    var used = 1
    let head = text.prefix { character in
      used += columns(String(character))
      return used <= limit
    }
    return limit > 0 ? head + "…" : ""
  }
}
