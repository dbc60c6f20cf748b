import Foundation

/// One line on a terminal's standard error that shows how far the work is; silent elsewhere.
struct ProgressBar {
  private let enabled: Bool
  private let start = ContinuousClock.now

  init(quiet: Bool) { enabled = !quiet && isatty(STDERR_FILENO) == 1 }

  /// - Parameter label: what is being done, `fox 2/4` for instance.
  func show(_ done: Int, of total: Int, _ label: String = "") {
    show(total > 0 ? Double(done) / Double(total) : 0, "\(done)/\(total)", label)
  }

  /// - Parameter part: of the work, 0 to 1.
  func show(_ part: Double, _ counts: String, _ label: String = "") {
    guard enabled else { return }
    let width = 28
    let filled = min(width, max(0, Int(part * Double(width))))
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    let left = part > 0 ? seconds(since: start) / part * (1 - part) : nil
    write("\r\u{1B}[K\(bar) \(counts)\(left.map { "  \(duration($0)) left" } ?? "")  \(label)")
  }

  func note(_ text: String) {
    guard enabled else { return }
    write("\r\u{1B}[K\(text)")
  }

  func clear() {
    guard enabled else { return }
    write("\r\u{1B}[K")
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
  let whole = Int(seconds.rounded())
  if whole < 60 { return "\(whole) s" }
  if whole < 3600 { return String(format: "%d min %02d s", whole / 60, whole % 60) }
  return String(format: "%d h %02d min", whole / 3600, whole % 3600 / 60)
}
