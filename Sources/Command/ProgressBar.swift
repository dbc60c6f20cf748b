import Foundation

/// One line on a terminal's standard error that shows how far the work is; silent elsewhere.
///
/// The line is never as long as the terminal is wide, so that it does not wrap and can be written over itself.
final class ProgressBar {
  private let enabled: Bool
  /// Where the work stood when it was shown first: what came before, such as loading, does not count for what is left.
  private var first: (time: ContinuousClock.Instant, part: Double)?
  /// Columns of the line that stands there now.
  private var shown = 0

  init(quiet: Bool) { enabled = !quiet && isatty(STDERR_FILENO) == 1 }

  /// A picture's steps.
  /// - Parameters:
  ///   - picture: from 1.
  ///   - count: of all pictures.
  func show(_ step: Int, of steps: Int, picture: Int = 1, of count: Int = 1) {
    guard enabled, steps > 0 else { return }
    let part = Double(step) / Double(steps)
    let done = (Double(picture - 1) + part) / Double(count)
    let all = timeLeft(done), own = all.map { done < 1 ? $0 * (1 - part) / Double(count) / (1 - done) : 0 }
    let left = own.map { "  \(duration($0)) left" } ?? ""
    var texts = ["\(step)/\(steps)\(left)", "\(step)/\(steps)"]
    if count > 1 {
      let rest = all.map { ", all in \(duration($0))" } ?? ""
      let (first, second) = (texts[0], texts[1])
      texts = [
        "\(first)  picture \(picture) of \(count)\(rest)", "\(first)  \(picture) of \(count)\(rest)",
        "\(first)  \(picture) of \(count)", first, second,
      ]
    }
    show(part, texts)
  }

  /// - Parameters:
  ///   - part: of the whole work, 0 to 1.
  ///   - label: what is being done; cut where there is no room for it.
  func show(_ part: Double, _ counts: String, _ label: String = "") {
    guard enabled else { return }
    let left = timeLeft(part).map { "  \(duration($0)) left" } ?? ""
    show(part, [counts + left, counts], label)
  }

  func note(_ text: String) {
    guard enabled else { return }
    replace(TerminalText.cut(text, columns: columns - 1))
  }

  func clear() {
    guard enabled else { return }
    replace("")
  }

  private func timeLeft(_ part: Double) -> Double? {
    guard let first else {
      first = (.now, part)
      return nil
    }
    return part > first.part ? seconds(since: first.time) / (part - first.part) * max(0, 1 - part) : nil
  }

  /// - Parameter texts: what to say, the longest first: the first one that leaves room for a bar is taken, or where a bar
  ///   would be too short to tell anything, that fits.
  private func show(_ part: Double, _ texts: [String], _ label: String = "") {
    let room = columns - 1
    let shortest = 8, longest = 28
    let text = texts.first { room >= longest && TerminalText.columns($0) + shortest + 1 <= room }
      ?? texts.first { TerminalText.columns($0) <= room } ?? TerminalText.cut(texts.last ?? "", columns: room)
    let used = TerminalText.columns(text)
    let width = min(longest, room - used - 1)
    var line = text
    if width >= shortest {
      let filled = min(width, max(0, Int(part * Double(width))))
      line = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled) + " " + text
    }
    let rest = room - TerminalText.columns(line) - 2
    if !label.isEmpty, rest >= shortest { line += "  " + TerminalText.cut(label, columns: rest) }
    replace(line)
  }

  /// Of the terminal as it is now: people turn and split it while they wait.
  private var columns: Int { TerminalText.size.columns }

  private func replace(_ line: String) {
    // Terminals break a line that has become too long for them into several.
    let above = max(0, (shown - 1) / max(1, columns))
    shown = TerminalText.columns(line)
    write((above > 0 ? "\r\u{1B}[\(above)A\u{1B}[J" : "\r\u{1B}[K") + line)
  }

  private func write(_ text: String) { Terminal.show(text) }
}

func seconds(since start: ContinuousClock.Instant) -> Double {
  let spent = ContinuousClock.now - start
  return Double(spent.components.seconds) + Double(spent.components.attoseconds) / 1e18
}

/// "0.8 s", "42 s", "3 min 05 s", "2 h 14 min".
func duration(_ seconds: Double) -> String {
  if seconds < 10 { return String(format: "%.1f s", seconds) }
  let whole = Int(min(seconds, 1e9).rounded())
  if whole < 60 { return "\(whole) s" }
  if whole < 3600 { return String(format: "%d min %02d s", whole / 60, whole % 60) }
  return String(format: "%d h %02d min", whole / 3600, whole % 3600 / 60)
}
