import DiTCheckpoints
import DiTTensors
import DiTTestSupport
import Foundation
import Testing

/// Checkpoints as the hub has them: variants, shards, and names with what programs put before them.
@Suite struct LayoutTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func index(_ name: String, _ shards: [String: String]) throws {
    try folder.write(name, String(decoding: JSONEncoder().encode(["weight_map": shards]), as: UTF8.self).utf8)
  }

  private func value(_ name: String, at url: URL? = nil) throws -> Float {
    try openCheckpoint(at: url ?? folder.url).tensor(name).array[0]
  }

  // MARK: variants and shards

  @Test(arguments: [
    "model.safetensors.index.fp16.json", "model.fp16.safetensors.index.json", "model.safetensors.fp16.index.json",
    "diffusion_pytorch_model.safetensors.index.fp16.json", "diffusion_pytorch_model.fp16.safetensors.index.json", nil,
  ])
  func shardsOfAVariant(_ name: String?) throws {
    let stem = name?.hasPrefix("diffusion") == true ? "diffusion_pytorch_model" : "model"
    let shards = (1...2).map { "\(stem).fp16-0000\($0)-of-00002.safetensors" }
    try folder.write(shards[0], ["a": 1])
    try folder.write(shards[1], ["b": 2])
    if let name { try index(name, ["a": shards[0], "b": shards[1]]) }
    #expect(try value("a") == 1 && value("b") == 2)
    // One of them stands for all.
    #expect(try value("b", at: folder.file(shards[0])) == 2)
    // The full weights go before, also those of PyTorch.
    try FileManager.default.copyItem(
      at: Fixtures.url("files/pickle/good/state-dict.pt"), to: folder.file("pytorch_model.bin"))
    #expect(try openCheckpoint(at: folder.url).contains("bias"))
    try folder.write("\(stem).safetensors", ["a": 3])
    #expect(try value("a") == 3)
  }

  @Test func theIndexOfWhatWasNotDownloaded() throws {
    try index("model.safetensors.index.json", ["a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"])
    #expect { _ = try openCheckpoint(at: folder.url) } throws: { "\($0)".contains("2 of 2 shards missing") }
    try folder.write("model.fp16.safetensors", ["a": 4])
    #expect(try value("a") == 4)
    try folder.write("model-00001-of-00002.safetensors", ["a": 5])
    #expect { _ = try openCheckpoint(at: folder.url) } throws: {
      "\($0)".contains("1 of 2 shards missing") && "\($0)".contains("model-00002-of-00002.safetensors")
    }
  }

  @Test func shardsWithoutTheirIndex() throws {
    try folder.write("any-00001-of-00002.safetensors", ["a": 6])
    #expect { _ = try openCheckpoint(at: folder.url) } throws: { "\($0)".contains("any-00002-of-00002.safetensors") }
    try folder.write("any-00002-of-00002.safetensors", ["a": 7])
    #expect { _ = try openCheckpoint(at: folder.url) } throws: { "\($0)".contains("two tensors of this name") }
    try folder.write("any-00002-of-00002.safetensors", ["b": 7])
    #expect(try value("a") == 6 && value("b") == 7)
  }

  @Test func shardsOfAVariant() throws {
    try folder.write("model-00001-of-00002.fp16.safetensors", ["a": 6])
    try folder.write("model-00002-of-00002.fp16.safetensors", ["b": 7])
    #expect(try value("a") == 6 && value("b") == 7)
    try folder.write("model-00001-of-00001.safetensors", ["a": 8])
    #expect(try value("a") == 8)
  }

  /// Names that only look like shards'.
  @Test(arguments: ["m-00001-of-00000", "m-00002-of-00001", "m-00000-of-00002", "m-1-of-2"]) func noShards(_ stem: String) throws {
    try folder.write(stem + ".safetensors", ["a": 8])
    #expect(try value("a", at: folder.file(stem + ".safetensors")) == 8)
  }

  @Test func severalVariants() throws {
    try folder.write("model.bf16.safetensors", ["a": 1])
    #expect(try value("a") == 1)
    try folder.write("model.fp16.safetensors", ["a": 2])
    try folder.write("model.odd.safetensors", ["a": 3])
    #expect(try value("a") == 2)
  }

  // MARK: names

  @Test(arguments: [
    "", "module.", "_orig_mod.", "module._orig_mod.", "model.diffusion_model.", "model.", "net.", "any.thing.at.all.",
  ])
  func prefixesAreTakenOff(_ prefix: String) throws {
    try folder.write("x.safetensors", [prefix + "blocks.0.weight": 1, prefix + "final.weight": 2, "step": 3])
    let found = try openNetwork(at: folder.file("x.safetensors"), marks: [["no"], ["blocks.0.weight", "final.weight"]])
    #expect(try found.tensor("final.weight").array == [2])
    #expect(found.contains("step") == (prefix.replacing("_orig_mod.", with: "").isEmpty))
  }

  @Test func wrappersWithinNames() throws {
    try folder.write("x.safetensors", ["_fsdp_wrapped_module.blocks.0._checkpoint_wrapped_module.attn._orig_mod.weight": 1])
    #expect(try openCheckpoint(at: folder.file("x.safetensors")).unwrapped().contains("blocks.0.attn.weight"))
    try folder.write("y.safetensors", ["_orig_mod.a": 1, "a": 2])
    #expect(throws: LoadError.self) { try openCheckpoint(at: folder.file("y.safetensors")).unwrapped() }
  }

  @Test func averagedWeightsComeFirst() throws {
    try folder.write("x.safetensors", ["model.a": 1, "model.b": 1, "ema_model.module.a": 2, "ema_model.module.b": 2, "other.a": 3])
    #expect(try openNetwork(at: folder.file("x.safetensors"), marks: [["a", "b"]]).tensor("a").array == [2])
  }

  @Test(arguments: [
    (["a": "F8_E4M3"], "8-bit floats (fp8)"), (["a": "F8_E4M3", "scaled_fp8": "F8_E4M3"], "8-bit floats (scaled fp8)"),
    (["a.weight": "U8", "a.weight.absmax": "U8"], "bitsandbytes"), (["a.qweight": "U8"], "qweight"),
  ])
  func formsOfOtherProgramsAreRefused(_ tensors: [String: String], _ what: String) throws {
    let entries = tensors.sorted { $0.key < $1.key }.enumerated().map {
      #""\#($1.key)":{"dtype":"\#($1.value)","shape":[1],"data_offsets":[\#($0),\#($0 + 1)]}"#
    }
    let header = Array("{\(entries.joined(separator: ","))}".utf8)
    let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) }
    let url = try folder.write("x.safetensors", length + header + [UInt8](repeating: 0, count: tensors.count))
    #expect { _ = try openNetwork(at: url, marks: []) } throws: { "\($0)".contains(what) && "\($0)".contains("take the fp16") }
  }
}
