/// Comparing the tensors of a file with those a model wants.
extension Checkpoint {
  /// Checks that exactly the tensors of `names` are there; the scales of int8 tensors need no mention.
  /// - Throws: ``LoadError/wrongNames(file:missing:unexpected:)`` with what is missing and what is too much.
  package func requireNames(_ names: some Sequence<String>) throws {
    let expected = Set(names.map { TensorName($0) })
    let missing = expected.filter { record($0) == nil }
    let unexpected = records.filter { !expected.contains($0.name) && !isScale($0) }
    try require(missing: Array(missing), unexpected: unexpected.map(\.name))
  }

  /// Checks, once a model is built, that it used every tensor of this checkpoint or view: what it did not know is a
  /// sign of weights for another model.
  /// - Parameter ignored: tensors that may stay unread, by name.
  /// - Throws: ``LoadError/wrongNames(file:missing:unexpected:)``
  package func requireAllRead(except ignored: (String) -> Bool = { _ in false }) throws {
    let unread = records.filter { !log.contains($0.storedName) && !ignored($0.name.string) }
    try require(missing: [], unexpected: unread.map(\.name))
  }

  /// Whether a tensor holds the scales of an int8 tensor that is there.
  private func isScale(_ record: TensorRecord) -> Bool {
    let suffix = TensorName(Self.scaleSuffix).bytes
    guard record.name.bytes.suffix(suffix.count).elementsEqual(suffix) else { return false }
    return self.record(TensorName(bytes: record.name.bytes.dropLast(suffix.count)))?.type == .i8
  }

  private func require(missing: [TensorName], unexpected: [TensorName]) throws {
    guard !missing.isEmpty || !unexpected.isEmpty else { return }
    throw LoadError.wrongNames(
      file: location, missing: missing.sorted().map { prefix + $0 }, unexpected: unexpected.sorted().map { prefix + $0 }
    )
  }
}
