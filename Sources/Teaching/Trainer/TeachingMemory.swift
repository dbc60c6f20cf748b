import DiTFiles
import DiTModels
import DiTTensors
import DiTTransformer

/// About how much memory teaching a model takes, which is said before it is taken.
package struct TeachingMemory {
  /// Bytes where all numbers between the layers are kept, and where those of one block at a time are. In Double: the configuration of a
  /// model that nobody can teach must not end the program.
  package let whole, least: Double
  let available: Double?

  /// The weights are there for either way, and once more while a sheet is drawn.
  private static let copies = 3.0
  /// Numbers of float32 that the layers of a block keep for a token, by the block's width: inputs, queries, keys, values, the MLP's.
  private static let kept = 24.0

  package init(_ model: ModelFolder, _ precision: Precision, available: Int? = availableMemory()) throws {
    let network = model.transformer
    let weights = Self.copies * Double(try network.costs().total.parameters) * (precision == .f32 ? 4 : 2)
    let tokens = Double(model.grid(of: model.usualSize).count) * Double(network.hiddenSize) * 4
    let blocks = Double(network.blockCount)
    // Of a block there are gradients as well; of each at least what comes into it.
    whole = weights + (blocks + 1) * Self.kept * tokens
    least = weights + (blocks + 2 * Self.kept) * tokens
    self.available = available.map { Double($0) }
  }

  /// Whether each block shall be computed twice, because not everything would fit.
  package var recomputes: Bool { available.map { whole > $0 * 0.75 } ?? false }

  /// Nil: it is little.
  package var note: String? {
    func gigabytes(_ bytes: Double) -> String { String(format: "%.1f GB", bytes / 1e9) }
    guard recomputes, let available else { return whole > 1e9 ? "takes about \(gigabytes(whole)) of memory" : nil }
    let free = "\(gigabytes(available)) are free"
    guard least < available else { return "takes about \(gigabytes(least)) of memory, and \(free): it may be ended by the system" }
    return "takes about \(gigabytes(least)) of memory and computes each block twice: otherwise it would take \(gigabytes(whole)), "
      + "and \(free)"
  }
}
