/// Sizes of a network, read off its tensors.
extension Checkpoint {
  /// The shape of a tensor.
  /// - Parameters:
  ///   - rank: how many dimensions it has to have.
  ///   - most: what none of them may be above.
  /// - Throws: `LoadError` where it is missing, of another rank or of an impossible size.
  package func shape(of name: String, rank: Int = 2, most: Int = 4_000_000) throws -> [Int] {
    guard let record = self[name] else { throw LoadError.missing(file: location, tensor: TensorName(name)) }
    guard record.shape.count == rank, record.shape.allSatisfy({ (1...most).contains($0) }) else {
      throw LoadError.wrongShape(
        file: location, tensor: TensorName(name), expected: "\(rank) dimensions", found: "\(record.shape.prefix(8))")
    }
    return record.shape
  }
}
