import DiTFiles
import Foundation
import Logging

/// The log: one line an event on standard error, as `key=value` or as JSON.
package struct LogLines: LogHandler {
  package enum Format: String, Sendable, CaseIterable { case logfmt, json }

  package var logLevel: Logger.Level
  package var metadata: Logger.Metadata = [:]
  let format: Format
  let write: @Sendable (String) -> Void

  /// - Parameter write: takes each line, its end included.
  package init(_ format: Format, level: Logger.Level, write: @escaping @Sendable (String) -> Void = LogLines.standardError) {
    self.format = format
    logLevel = level
    self.write = write
  }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    var fields = [
      ("time", Date.now.formatted(LogLines.time)), ("level", event.level.rawValue), ("message", event.message.description),
    ]
    let own = metadata.merging(event.metadata ?? [:]) { $1 }
    let first = ["method", "path", "status", "ms", "bytes"]
    fields += own.map { ($0.key == "hb.request.id" ? "request" : $0.key, "\($0.value)") }
      .sorted { (first.firstIndex(of: $0.0) ?? first.count, $0.0) < (first.firstIndex(of: $1.0) ?? first.count, $1.0) }
    write(line(fields) + "\n")
  }

  private func line(_ fields: [(String, String)]) -> String {
    switch format {
    case .logfmt: fields.map { "\($0)=\(LogLines.isBare($1) ? $1 : LogLines.quoted($1))" }.joined(separator: " ")
    case .json:
      "{" + fields.map { "\(LogLines.quoted($0)):\(LogLines.isNumber($1) ? $1 : LogLines.quoted($1))" }.joined(separator: ",") + "}"
    }
  }

  private static let time = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

  private static func isBare(_ text: String) -> Bool {
    !text.isEmpty && text.unicodeScalars.allSatisfy { 0x21...0x7E ~= $0.value && !["\"", "=", "\\"].contains($0) }
  }

  /// Of JSON: an id of digits alone is none, but nothing tells it apart, and it is read back as it was written.
  private static func isNumber(_ text: String) -> Bool { text.wholeMatch(of: /-?(0|[1-9][0-9]{0,14})(\.[0-9]+)?/) != nil }

  /// A JSON string: nothing in it can begin a line of its own, or move the cursor.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case _ where scalar.value < 0x20 || 0x7F...0x9F ~= scalar.value || 0x2028...0x2029 ~= scalar.value:
        result += "\\u" + String(repeating: "0", count: 4 - String(scalar.value, radix: 16).count) + String(scalar.value, radix: 16)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  @Sendable package static func standardError(_ line: String) { _ = StandardStreams.write(line.utf8, to: STDERR_FILENO) }
}
