import DiTCheckpoints
import DiTTensors
import Foundation

/// Latents with their captions in a safetensors file: `latents.0`, `latents.1`, … [C, h, w] in float16, or int8 as weights are, and
/// the captions as a JSON array in its header. They are read one by one: a thousand of them take no memory.
struct LessonFile: Sendable {
  let captions: [String]
  private let checkpoint: Checkpoint

  private static let captionsKey = "captions"
  /// Of one file.
  static let most = 100_000

  /// - Parameter shape: [C, h, w] that all of them must have.
  /// - Throws: `LoadError`, ``TeachingError/damaged(path:reason:)``.
  init(_ url: URL, shape: [Int]) throws {
    checkpoint = try openCheckpoint(at: url)
    guard let text = checkpoint.metadata[Self.captionsKey], text.utf8.count <= 64 << 20,
      let captions = try? JSONDecoder().decode([String].self, from: Data(text.utf8)), captions.count <= Self.most
    else { throw TeachingError.damaged(path: url.path, reason: "its header has no captions") }
    self.captions = captions
    let shapes = Dictionary(checkpoint.records.map { ($0.name.string, $0.shape) }, uniquingKeysWith: { first, _ in first })
    guard captions.indices.allSatisfy({ shapes[Self.name($0)] == shape }) else {
      throw TeachingError.damaged(path: url.path, reason: "its latents are not \(shape) for each of \(captions.count) captions")
    }
  }

  /// [C, h, w] in float32.
  /// - Throws: ``TeachingError/damaged(path:reason:)`` where they are not finite.
  func latents(_ index: Int) throws -> Tensor {
    let tensor = try checkpoint.tensor(Self.name(index))
    guard tensor.withFloats({ $0.allSatisfy(\.isFinite) }) else {
      throw TeachingError.damaged(path: checkpoint.location, reason: "\(Self.name(index)) holds a number that is not finite")
    }
    return tensor
  }

  static func write(_ lessons: [(latents: Tensor, caption: String)], to url: URL) throws {
    let captions = String(decoding: try JSONEncoder().encode(lessons.map(\.caption)), as: UTF8.self)
    var writer = SafetensorsWriter(url, metadata: [captionsKey: captions])
    for (index, lesson) in lessons.enumerated() { try writer.add(TensorName(name(index)), lesson.latents, as: .f16) }
    try writer.write()
  }

  private static func name(_ index: Int) -> String { "latents.\(index)" }
}
