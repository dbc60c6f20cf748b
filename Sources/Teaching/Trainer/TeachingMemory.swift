import DiTFiles
import DiTModels
import DiTTensors
import DiTTransformer

/// About how much memory teaching a model takes, which is said before it is taken.
package struct TeachingMemory {
  /// Bytes where all numbers between the layers are kept, and where those of one block at a time are.
  package let whole, least: Int
  let available: Int?

  /// The weights are there for either way, and once more while a sheet is drawn.
  private static let copies = 3
  /// Numbers of float32 that the layers of a block keep for a token, by the block's width: inputs, queries, keys, values, the MLP's.
  private static let kept = 24

  package init(_ model: ModelFolder, _ precision: Precision, available: Int? = availableMemory()) throws {
    let network = model.transformer
    let parameters = try network.listing().parameters.reduce(0) { $0 + $1.shape.reduce(1, *) }
    let weights = Self.copies * parameters * (precision == .f32 ? 4 : 2)
    let (size, side) = (model.usualSize, model.autoencoder.scaleFactor * network.patchSize)
    let tokens = (size.width / side) * (size.height / side) * network.hiddenSize * 4
    // Of a block there are gradients as well; of each at least what comes into it.
    whole = weights + (network.blockCount + 1) * Self.kept * tokens
    least = weights + (network.blockCount + 2 * Self.kept) * tokens
    self.available = available
  }

  /// Whether each block shall be computed twice, because not everything would fit.
  package var recomputes: Bool { available.map { whole > $0 / 4 * 3 } ?? false }

  /// Nil: it is little.
  package var note: String? {
    func gigabytes(_ bytes: Int) -> String { String(format: "%.1f GB", Double(bytes) / 1e9) }
    guard recomputes, let available else { return whole > 1_000_000_000 ? "takes about \(gigabytes(whole)) of memory" : nil }
    let free = "\(gigabytes(available)) are free"
    guard least < available else { return "takes about \(gigabytes(least)) of memory, and \(free): it may be ended by the system" }
    return "takes about \(gigabytes(least)) of memory and computes each block twice: otherwise it would take \(gigabytes(whole)), "
      + "and \(free)"
  }
}
