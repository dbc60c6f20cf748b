import DiTErrors
import DiTFiles
import DiTModels
import DiTTensors
import DiTTextToImage
import Foundation

/// A model that is in memory, ready to draw.
package final class LoadedModel: Sendable {
  package let queue: DrawingQueue
  package let metadata: PictureMetadata
  package var model: TextToImage { queue.model }

  fileprivate init(_ folder: ModelFolder, _ backend: Backend, textCache: URL?) throws {
    queue = try DrawingQueue(TextToImage(folder, backend: backend), textCache: textCache)
    metadata = try PictureMetadata(folder, backend: backend, version: programVersion)
  }
}

/// The models of a server by name: described at once, loaded when the first picture asks for one, and the one that was
/// least lately used given back where memory is to be kept.
package actor ModelShelf {
  /// In the order they were given in; the first is the one that nobody names.
  package nonisolated let folders: [ModelFolder]
  /// Those that prompts use; nil: none.
  package nonisolated let adapters: PromptAdapters?
  private let backend: Backend
  private let memory: Int?
  private let textCache: URL?
  /// The least lately used first.
  private var loaded: [(name: String, model: LoadedModel)] = []
  private var reviews: [String: PromptReview] = [:]

  /// - Parameter memory: bytes that the process may take before a model is given back; nil: any.
  /// - Throws: ``ModelShelfError/sameName(_:)``.
  package init(
    _ folders: [ModelFolder], backend: Backend, memory: Int? = nil, adapters: PromptAdapters? = nil, textCache: URL? = nil
  ) throws {
    for (index, folder) in folders.enumerated() where folders[..<index].contains(where: { $0.name == folder.name }) {
      throw ModelShelfError.sameName(folder.name)
    }
    (self.folders, self.backend, self.memory, self.adapters, self.textCache) = (folders, backend, memory, adapters, textCache)
  }

  package nonisolated var names: [String] { folders.map(\.name) }

  /// Described, not loaded.
  /// - Throws: ``ModelShelfError/unknown(_:there:)``.
  package nonisolated func folder(_ name: String? = nil) throws(ModelShelfError) -> ModelFolder {
    guard let folder = name == nil ? folders.first : folders.first(where: { $0.name == name }) else {
      throw .unknown(name ?? "", there: names)
    }
    return folder
  }

  /// Names of the models in memory.
  package var inMemory: [String] { loaded.map(\.name) }

  /// In memory, loaded if it is not.
  /// - Throws: ``ModelShelfError``, or what loading does.
  package func model(_ folder: ModelFolder) async throws -> LoadedModel {
    if let index = loaded.firstIndex(where: { $0.name == folder.name }) {
      let entry = loaded.remove(at: index)
      loaded.append(entry)
      return entry.model
    }
    try makeRoom(for: folder)
    let (backend, textCache) = (backend, textCache)
    let model = try await onThread { try LoadedModel(folder, backend, textCache: textCache) }
    loaded.append((folder.name, model))
    return model
  }

  /// What looks at prompts for a model; made once, because reading a tokenizer takes a while.
  /// - Throws: as `PromptReview` does.
  package func review(of folder: ModelFolder) throws -> PromptReview {
    let review = try reviews[folder.name] ?? PromptReview(folder)
    reviews[folder.name] = review
    return review
  }

  /// Gives models back until this one fits, as far as the sizes of its files tell.
  private func makeRoom(for folder: ModelFolder) throws {
    guard let memory else { return }
    let needed = folder.weightBytes
    guard needed <= memory else { throw ModelShelfError.tooLarge(folder.name, needed: needed, memory: memory) }
    while !loaded.isEmpty, residentMemory() + needed > memory {
      loaded.removeFirst()
    }
  }
}

extension ModelFolder {
  /// Of the files whose weights stay in memory: transformer and autoencoder. A large text encoder is read as it is used.
  fileprivate var weightBytes: Int {
    func bytes(_ url: URL) -> Int {
      var status = stat()
      guard stat(url.path, &status) == 0 else { return 0 }
      guard status.st_mode & S_IFMT == S_IFDIR else { return Int(status.st_size) }
      let endings: Set = ["safetensors", "bin", "pt", "pth", "ckpt"]
      return ((try? DiTFiles.names(in: url)) ?? []).map(url.appendingPathComponent)
        .filter { endings.contains($0.pathExtension) }.reduce(0) { $0 + bytes($1) }
    }
    return bytes(weights) + bytes(autoencoderURL)
  }
}

/// Does work that takes long on a thread of its own, so that no request waits behind it.
package func onThread<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
  try await withCheckedThrowingContinuation { continuation in
    onNewThread { continuation.resume(with: Result(catching: work)) }
  }
}

/// Why a model cannot be had.
package enum ModelShelfError: UserError, Equatable {
  case unknown(String, there: [String])
  case sameName(String)
  case tooLarge(String, needed: Int, memory: Int)

  package var kind: UserErrorKind {
    switch self {
    case .unknown: .notFound
    case .sameName: .usage
    case .tooLarge: .outOfMemory
    }
  }

  package var description: String {
    switch self {
    case .unknown(let name, let there): "there is no model \"\(name.prefix(60))\"; there is \(listed(there))"
    case .sameName(let name): "two models are called \(name): give each once"
    case .tooLarge(let name, let needed, let memory):
      "\(name) has \(needed >> 20) MB of weights, and --memory lets it have \(memory >> 20)"
    }
  }
}
