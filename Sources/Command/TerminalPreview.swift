import Foundation
import DiTImage

/// A small picture on the terminal's standard error, drawn over itself; the progress bar stands below.
final class TerminalPreview {
  private let graphics: TerminalGraphics
  private var rows = 0
  private var last: ContinuousClock.Instant?

  /// - Parameter explain: is told why there is none.
  init?(explain: (String) -> Void) {
    guard isatty(STDERR_FILENO) == 1 else {
      explain("no preview: standard error is not a terminal")
      return nil
    }
    let environment = ProcessInfo.processInfo.environment
    guard let graphics = TerminalGraphics.detect(environment: environment) else {
      let term = environment["TERM"] ?? ""
      explain("no preview: \(term.isEmpty ? "TERM is not set" : "TERM=\(term)"), and such a terminal shows no colours")
      return nil
    }
    self.graphics = graphics
  }

  /// Decoding and sending take time: ten pictures a second are enough.
  var isDue: Bool { last.map { seconds(since: $0) > 0.1 } ?? true }

  /// The finished picture stays; another begins below it.
  func finish(_ picture: Picture) {
    show(picture)
    rows = 0
  }

  func show(_ picture: Picture) {
    last = .now
    let (width, height) = TerminalText.size
    let columns = min(width, graphics == .halfBlocks ? 64 : 40)
    // A character cell is about twice as high as wide; one row stays for the progress bar.
    let fitting = max(min(8, columns), min(columns, (height - 2) * 2 * picture.width / picture.height))
    let cells = graphics == .halfBlocks ? min(fitting, picture.width) : min(fitting, (picture.width + 7) / 8)
    let needed = max(1, (cells * picture.height / picture.width + 1) / 2)
    var text = "\r\u{1B}[K"
    if rows == 0 {
      // Room first, so that the terminal does not scroll between two pictures.
      text += String(repeating: "\n", count: needed) + "\u{1B}[\(needed)A"
    } else {
      text += "\u{1B}[\(rows)A"
    }
    rows = needed
    switch graphics {
    case .halfBlocks: text += graphics.encode(picture, columns: cells)
    case .kitty, .iTerm, .sixel:
      // These leave the cursor in different places: it is put back, and moved below by hand. kitty keeps every picture
      // it was ever sent; the one under the cursor goes first.
      let forget = graphics == .kitty ? "\u{1B}_Ga=d,d=C,q=2\u{1B}\\" : ""
      text += "\u{1B}7" + forget + graphics.encode(picture, columns: cells) + "\u{1B}8\u{1B}[\(needed)B"
    }
    Terminal.show(text)
  }
}
