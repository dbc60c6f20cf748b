import DiTCheckpoints
import DiTTensors

/// "adaLN-single" (PixArt-α, arXiv 2310.00426, section 2.3): one linear makes shifts, scales and gates for all blocks, and each
/// block adds a table of its own.
struct SharedModulation {
  private let linear: Linear  // t_block: [6·D, D]
  private let tables: [[Float]]  // per block [6·D]

  init(_ d: Int, blocks: Int, _ parameters: Parameters) throws {
    let stage = parameters.stage("adaLN-single")
    linear = try stage.linear(
      "t_block.1", 6 * d, d, on: .one, precise: true, start: .modulation, biasStart: .modulation(chunks: 6))
    tables = try (0..<blocks).map { try stage.tensor("blocks.\($0).scale_shift_table", [6, d], start: .bias).array }
  }

  /// - Parameters:
  ///   - embedding: [rows, D].
  ///   - finalTable: of the final layer, which adds it to the embedding itself, twice: for the shift and for the scale. [2·D]
  func callAsFunction(_ embedding: Tensor, finalTable: [Float], _ backend: Backend) throws -> ConditioningRows {
    let (count, d) = (embedding.rows, embedding.columns)
    let activated = try Tensor([count, d])
    try backend.activate(.silu, embedding, into: activated)
    let shared = try backend.applied(linear, to: activated).array  // [rows, 6·D]
    let numbers = embedding.array
    var rows = ConditioningRows(embedding: embedding)
    rows.modulations = try tables.map { table in
      try Tensor(shared.indices.map { shared[$0] + table[$0 % table.count] }, [count, 6 * d])
    }
    rows.final = try Tensor(
      (0..<count * 2 * d).map { numbers[$0 / (2 * d) * d + $0 % d] + finalTable[$0 % (2 * d)] }, [count, 2 * d])
    return rows
  }
}
