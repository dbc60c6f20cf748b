import DiTErrors

/// Why an adapter cannot be used: one line that names its file, and the tensor or setting.
package struct LoRAError: UserError, Equatable {
  package let file: String
  package let reason: String
  package let kind: UserErrorKind

  package init(_ file: String, _ reason: String, kind: UserErrorKind = .damagedData) {
    (self.file, self.reason, self.kind) = (file, reason, kind)
  }

  package var description: String { "\(file): \(reason)".split(whereSeparator: \.isNewline).joined(separator: " ") }
}
