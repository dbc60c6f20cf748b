import DiTCheckpoints
import DiTErrors
import Foundation
import Synchronization

/// An adapter with which a model draws in few steps, each of one evaluation: `fast.safetensors` in its folder, which the
/// recipe's `distil-steps` makes.
package struct FastAdapter: Sendable {
  package static let fileName = "fast.safetensors"
  /// As many evaluations as a drawing in full has would save nothing.
  private static let most = 16

  package let adapter: LoRA
  package let steps: Int

  /// Its file, if it is meant and there.
  /// - Parameter name: ``LoRA/name``.
  package static func file(named name: String, in folder: URL) -> URL? {
    file(in: folder).flatMap { name == LoRA.name(of: $0) ? $0 : nil }
  }

  private static func file(in folder: URL) -> URL? {
    let url = folder.appendingPathComponent(fileName)
    return FileManager.default.fileExists(atPath: url.path) ? url : nil
  }

  /// - Throws: ``LoRAError`` where it is damaged or does not say its steps; nil where the folder has no such file.
  init?(in folder: URL) throws {
    guard let url = FastAdapter.file(in: folder) else { return nil }
    adapter = try LoRA(url)
    guard let steps = adapter.file.steps, (1...FastAdapter.most).contains(steps) else {
      throw LoRAError(url.path, "dit_t2i.steps: expected 1 to \(FastAdapter.most) in the header's metadata")
    }
    self.steps = steps
  }
}

/// Reads a model's once, and not before it is asked for: most drawings go without.
final class FastAdapterShelf: Sendable {
  private let read = Mutex<FastAdapter?>(nil)

  func adapter(of model: ModelFolder) throws -> FastAdapter? {
    try read.withLock { known in
      guard known == nil, model.isFolder, let fast = try FastAdapter(in: model.url) else { return known }
      try model.check(fast.adapter)
      known = fast
      return fast
    }
  }
}

extension ModelFolder {
  /// What the model draws in few steps with; nil: it has nothing for that.
  /// - Throws: `LoRAError` where that is damaged or belongs to another model; `LoadError`.
  package func fastAdapter() throws -> FastAdapter? { try fastAdapters.adapter(of: self) }
}
