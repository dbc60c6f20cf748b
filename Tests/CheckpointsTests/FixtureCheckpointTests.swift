import DiTCheckpoints
import Foundation
import DiTTestSupport
import Testing

/// All checkpoints among the fixtures of the models, whatever they are for.
@Suite struct FixtureCheckpointTests {
  /// Paths below the root, without the hostile ones.
  static let paths: [String] = {
    let all = FileManager.default.enumerator(atPath: Fixtures.root.path)?.compactMap { $0 as? String } ?? []
    return all.sorted().filter { path in
      !path.hasPrefix("files/") && [".safetensors", ".pt", ".pth"].contains { path.hasSuffix($0) }
    }
  }()

  @Test(arguments: paths)
  func opens(_ path: String) throws {
    let checkpoint = try openCheckpoint(at: Fixtures.url(path))
    #expect(!checkpoint.records.isEmpty)
    for record in checkpoint.records where record.type == .f32 {
      #expect(try checkpoint.tensor(record.name.string, shape: record.shape).count == record.count)
    }
  }

  /// A model stored by PyTorch beside its safetensors holds the same numbers.
  @Test(arguments: paths.filter { $0.contains("model") && $0.hasSuffix(".pt") })
  func formatsAgree(_ path: String) throws {
    let pickled = try openCheckpoint(at: Fixtures.url(path))
    let folder = Fixtures.url(path).deletingLastPathComponent()
    let other = try openCheckpoint(at: folder.appendingPathComponent("model.safetensors"))
    try pickled.requireNames(other.records.map(\.name.string))
    for record in other.records {
      let name = record.name.string
      #expect(try pickled.tensor(name, shape: record.shape).array == other.tensor(name).array)
    }
  }
}
