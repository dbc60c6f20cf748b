import DiTCheckpoints
import Foundation

/// A finished picture, as a line of the manifest says it.
package struct ManifestEntry: Codable, Sendable, Equatable {
  /// Of the prompt file.
  package var line: Int
  package var prompt: String
  /// Nil: no class.
  package var className: String?
  /// Adapters of the prompt, "fox:0.8"; nil: none.
  package var loras: [String]?
  package var seed: UInt64
  /// Its name within the folder.
  package var file: String
  package var sha256: String
  /// The time its drawing took, its share where several were drawn together.
  package var seconds: Double
  package var bytes: Int
  /// Of everything the picture depends on; another one means that the prompt file, the options or the model changed.
  package var fingerprint: String

  private enum CodingKeys: String, CodingKey {
    case line, prompt, className = "class", loras, seed, file, sha256, seconds, bytes, fingerprint
  }

  package init(
    line: Int, prompt: String, className: String? = nil, loras: [String]? = nil, seed: UInt64, file: String,
    sha256: String, seconds: Double, bytes: Int, fingerprint: String
  ) {
    (self.line, self.prompt, self.className, self.seed, self.file) = (line, prompt, className, seed, file)
    self.loras = loras
    (self.sha256, self.seconds, self.bytes, self.fingerprint) = (sha256, seconds, bytes, fingerprint)
  }

  /// One line of JSON with its line end, fields in a fixed order.
  package var jsonLine: String {
    "{\"line\": \(line), \"prompt\": \(quoted(prompt)), \(className.map { "\"class\": \(quoted($0)), " } ?? "")"
      + (loras.map { "\"loras\": [\($0.map(quoted).joined(separator: ", "))], " } ?? "")
      + "\"seed\": \(seed), \"file\": \(quoted(file)), "
      + "\"sha256\": \"\(sha256)\", \"seconds\": \(String(format: "%.3f", seconds)), \"bytes\": \(bytes), "
      + "\"fingerprint\": \"\(fingerprint)\"}\n"
  }

  private func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || (0x2028...0x2029).contains(scalar.value):
        result += "\\u" + String(format: "%04x", scalar.value)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
