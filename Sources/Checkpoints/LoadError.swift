import DiTErrors

/// Why a checkpoint could not be read or written. Each description is one line that names the file, the tensor and what
/// was expected.
package enum LoadError: UserError, Equatable {
  /// The file cannot be opened, or is no regular file.
  case unreadable(file: String, reason: String)
  /// The file is damaged, hostile, or of no format this reader knows.
  case malformed(file: String, tensor: TensorName? = nil, reason: String)
  /// A pickle asks for a Python object outside the short list that a checkpoint needs.
  case refused(file: String, object: String)
  case missing(file: String, tensor: TensorName, note: String = "")
  /// `expected` and `found` are shapes such as `[3, 4]`.
  case wrongShape(file: String, tensor: TensorName, expected: String, found: String)
  case wrongType(file: String, tensor: TensorName, expected: String, found: String)
  /// The tensors of the file are not those of the model.
  case wrongNames(file: String, missing: [TensorName], unexpected: [TensorName])
  case unwritable(file: String, reason: String)

  package var kind: UserErrorKind {
    switch self {
    case .unreadable: .notFound
    case .unwritable: .cannotWrite
    case .malformed, .refused, .missing, .wrongShape, .wrongType, .wrongNames: .damagedData
    }
  }

  package var description: String {
    switch self {
    case .unreadable(let file, let reason): "cannot read \(line(file)): \(line(reason))"
    case .malformed(let file, nil, let reason): "\(line(file)): \(line(reason))"
    case .malformed(let file, let tensor?, let reason): "\(line(file)): tensor \(tensor): \(line(reason))"
    case .refused(let file, let object):
      "\(line(file)): refused: the pickle wants \(printable(object)), which a checkpoint of tensors does not need"
    case .missing(let file, let tensor, let note): "\(line(file)): no tensor \(tensor)\(line(note))"
    case .wrongShape(let file, let tensor, let expected, let found):
      "\(line(file)): tensor \(tensor) has shape \(found), expected \(expected)"
    case .wrongType(let file, let tensor, let expected, let found):
      "\(line(file)): tensor \(tensor) has type \(found), expected \(expected)"
    case .wrongNames(let file, let missing, let unexpected):
      "\(line(file)): "
        + [list(missing, "missing"), list(unexpected, "unexpected")].compactMap { $0 }.joined(separator: "; ")
    case .unwritable(let file, let reason): "cannot write \(line(file)): \(line(reason))"
    }
  }

  /// File names may hold anything but NUL: what would break the line is escaped.
  private func line(_ text: String) -> String {
    text.unicodeScalars.contains { $0.properties.generalCategory == .control } ? printable(text) : text
  }

  private func list(_ names: [TensorName], _ what: String) -> String? {
    guard !names.isEmpty else { return nil }
    let shown = names.prefix(4).map(\.description).joined(separator: ", ")
    return "\(names.count) \(what) tensor\(names.count == 1 ? "" : "s"): \(shown)\(names.count > 4 ? ", …" : "")"
  }
}
