import DiTCheckpoints
import DiTFiles
import DiTTensors

/// The blocks of a large encoder: kept, or read from the mapped file one after the other each time texts are encoded, and
/// dropped. T5-XXL's 4.7 billion numbers need room for one block of 24 that way.
struct StreamedBlocks<Block> {
  /// Whether blocks are read when they are needed, and not kept.
  let isStreamed: Bool
  private let kept: [Block]
  private let make: (Int) throws -> Block

  /// - Parameters:
  ///   - streamed: nil: if the blocks would take more than 2 GiB, or a quarter of the memory that is free now.
  ///   - leastBytes: that a number of a block takes, however few bits the backend computes in.
  ///   - make: a block, by its index.
  /// - Throws: `LoadError`; of blocks to be streamed, what is wrong with the file is said now, not in the middle of the work.
  init(
    _ count: Int, _ parameters: Parameters, streamed: Bool?, leastBytes: Int = 1,
    _ make: @escaping (Int, Parameters) throws -> Block
  ) throws {
    let most = min(2 << 30, availableMemory().map { $0 / 4 } ?? .max)
    isStreamed = try streamed ?? (Self.bytes(parameters.backend, leastBytes) { _ = try make(0, $0) } * count > most)
    let source = isStreamed ? parameters.checking() : parameters
    let made = try (0..<count).map { try make($0, source) }
    kept = isStreamed ? [] : made
    self.make = { try make($0, parameters) }
  }

  func callAsFunction(_ index: Int) throws -> Block { try isStreamed ? make(index) : kept[index] }

  /// Of one packed block.
  private static func bytes(_ backend: Backend, _ least: Int, _ declare: (Parameters) throws -> Void) throws -> Int {
    let count = try NetworkListing(declare).costs(Workload()).total.parameters
    return switch backend.precision {
    case .auto, .f32: 4 * count
    case .bf16, .int12: 2 * count
    case .int8: least * count
    }
  }
}
