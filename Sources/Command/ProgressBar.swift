import Foundation

/// One line on a terminal's standard error that shows how far the work is; silent elsewhere.
struct ProgressBar {
  private let enabled: Bool
  private let start = ContinuousClock.now

  init(quiet: Bool) { enabled = !quiet && isatty(STDERR_FILENO) == 1 }

  /// - Parameter label: what is being done, `fox 2/4` for instance.
  func show(_ done: Int, of total: Int, _ label: String = "") {
    guard enabled else { return }
    let width = 28
    let filled = total > 0 ? done * width / total : 0
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    let spent = seconds(since: start)
    let left = done > 0 ? spent / Double(done) * Double(total - done) : nil
    write("\r\u{1B}[K\(bar) \(done)/\(total)\(left.map { "  \(duration($0)) left" } ?? "")  \(label)")
  }

  func note(_ text: String) {
    guard enabled else { return }
    write("\r\u{1B}[K\(text)")
  }

  func clear() {
    guard enabled else { return }
    write("\r\u{1B}[K")
  }

  private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
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
