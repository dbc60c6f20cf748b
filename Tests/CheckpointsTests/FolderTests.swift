import DiTCheckpoints
import Foundation
import DiTTensors
import DiTTestSupport
import Testing

@Suite struct FolderTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func readsShards() throws {
    try folder.write("model-1.safetensors", ["a": 1, "b": 2])
    try folder.write("model-2.safetensors", ["c": 3])
    let index = #"""
      {"metadata": {"total_size": 1.2e1, "x": [null]}, "weight_map":
      {"a": "model-1.safetensors", "c": "model-2.safetensors", "b": "model-1.safetensors"}}

      """#
    try folder.write("model.safetensors.index.json", index.utf8)
    for url in [folder.url, folder.file("model.safetensors.index.json")] {
      let model = try openCheckpoint(at: url)
      #expect(try ["a", "b", "c"].map { try model.tensor($0).array[0] } == [1, 2, 3])
    }
  }

  /// As configurations are: with what other writers and editors leave in JSON.
  @Test(arguments: [
    "\u{FEFF}", "\n\n", "// of two shards\n", "/* of two shards */",
  ])
  func indexesOfOthersAreRead(_ start: String) throws {
    try folder.write("model-1.safetensors", ["a": 1])
    let index = start + #"{"metadata": {"total_size": NaN,}, "weight_map": {"a": "model-1.safetensors",},}"#
    let url = try folder.write("model.safetensors.index.json", index.utf8)
    #expect(try openCheckpoint(at: url).tensor("a").array == [1])
    #expect(try openCheckpoint(at: folder.url).tensor("a").array == [1])
  }

  @Test(arguments: [
    (#"{"weight_map": {"a": "/etc/passwd"}}"#, "inside the folder"),
    (#"{"weight_map": {"a": "../model-1.safetensors"}}"#, "inside the folder"),
    (#"{"weight_map": {"a": "x/../../model-1.safetensors"}}"#, "inside the folder"),
    (#"{"weight_map": {"a": ""}}"#, "inside the folder"),
    (#"{"weight_map": {"a": "model-1.safetensors", "b": "gone.safetensors"}}"#, "\"gone.safetensors\""),
    (#"{"weight_map": {"z": "model-1.safetensors"}}"#, "no tensor \"z\", which"),
    (#"{"weight_map": {"a": "model-1.safetensors", "a": "model-1.safetensors"}}"#, "the key \"a\" twice"),
    (#"{"weight_map": {"a": "model.safetensors.index.json"}}"#, "neither safetensors nor"),
    (#"{"weight_map": ["a"]}"#, "an object was expected"),
    (#"{"metadata": {}}"#, "no weight_map"),
    (#"{"weight_map": {}} x"#, "after the JSON"),
  ])
  func refusesBadIndexes(_ index: String, _ what: String) throws {
    try folder.write("model-1.safetensors", ["a": 1])
    let url = try folder.write("model.safetensors.index.json", index.utf8)
    #expect {
      _ = try openCheckpoint(at: url)
    } throws: { "\($0)".contains(what) }
  }

  @Test func findsTheOneCheckpointOfAFolder() throws {
    expectRefusal(of: folder.url, "an empty folder") { _ = try openCheckpoint(at: folder.url) }
    try FileManager.default.copyItem(
      at: Fixtures.url("files/pickle/good/state-dict.pt"), to: folder.file("pytorch_model.bin"))
    #expect(try openCheckpoint(at: folder.url).contains("bias"))
    try folder.write("first.safetensors", ["a": 1])
    try folder.write("second.safetensors", ["a": 2])
    #expect(try openCheckpoint(at: folder.url).contains("bias"))
    try FileManager.default.removeItem(at: folder.file("pytorch_model.bin"))
    expectRefusal(of: folder.url, "two files") { _ = try openCheckpoint(at: folder.url) }
    try folder.write("diffusion_pytorch_model.safetensors", ["a": 3])
    #expect(try openCheckpoint(at: folder.url).tensor("a").array == [3])
  }

  /// The content tells the format, whatever the name says.
  @Test func namesDoNotMatter() throws {
    let safetensors = Fixtures.url("files/safetensors/good/dtypes.safetensors")
    try FileManager.default.copyItem(at: safetensors, to: folder.file("weights.pt"))
    #expect(try openCheckpoint(at: folder.file("weights.pt")).contains("bf16"))
    let zip = Fixtures.url("files/pickle/good/state-dict.pt")
    try FileManager.default.copyItem(at: zip, to: folder.file("weights.safetensors"))
    #expect(try openCheckpoint(at: folder.file("weights.safetensors")).contains("bias"))
  }
}
