import DiTCheckpoints
import DiTModels
import DiTTensors
import DiTTransformer
import Synchronization

/// The transformers of a model: one for each set of adapters that requests add to it, of which the last ones are kept.
///
/// Each is merged anew from the weights on disk: what was added in a few bits cannot be taken away again exactly.
package final class TransformerShelf: Sendable {
  private struct Entry {
    let adapters: [LoRA]
    let transformer: any DiffusionTransformer
  }

  private let folder: ModelFolder
  private let backend: Backend
  private let entries = Mutex<[Entry]>([])

  /// A second transformer of more numbers than this would take too much memory.
  private static let small = 250_000_000

  /// - Parameter adapters: of the first drawing.
  /// - Throws: `LoRAError`, `LoadError`.
  init(_ folder: ModelFolder, backend: Backend, _ adapters: [LoRA]) throws {
    (self.folder, self.backend) = (folder, backend)
    _ = try transformer(with: adapters)
  }

  /// Gives its memory back; who asks for one again waits until it is loaded.
  func removeAll() { entries.withLock { $0.removeAll() } }

  /// - Parameter adapters: beside those of the model's options.
  /// - Throws: `LoRAError`, `LoadError`.
  package func transformer(with adapters: [LoRA] = []) throws -> any DiffusionTransformer {
    try entries.withLock { entries in
      if let index = entries.firstIndex(where: { $0.adapters == adapters }) {
        entries.append(entries.remove(at: index))
        return entries[entries.count - 1].transformer
      }
      let checkpoint = try folder.transformerCheckpoint(adapters)
      // Made room for before the new one is loaded.
      let kept = checkpoint.records.reduce(0) { $0 + $1.count } > Self.small ? 0 : 1
      entries.removeFirst(max(0, entries.count - kept))
      let loaded = try folder.transformer.load(checkpoint, backend: backend)
      entries.append(Entry(adapters: adapters, transformer: loaded))
      return loaded
    }
  }
}
