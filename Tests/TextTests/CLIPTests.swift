import DiTCheckpoints
import DiTTensors
import DiTTestSupport
import DiTText
import Foundation
import Testing

/// CLIP's text encoder under all its names, and what its configuration leaves open.
@Suite struct CLIPTests {
  let folder: TemporaryFolder
  let backend: Backend

  init() throws {
    folder = try TemporaryFolder()
    backend = try Backend(.native, precision: .f32, threads: 1)
  }

  static let original = Fixtures.url("clip-text/projection")

  private func stated() throws -> CLIPTextConfiguration {
    try #require(try TextEncoders.configuration(of: Self.original) as? CLIPTextConfiguration)
  }

  private func weights() throws -> Checkpoint { try openCheckpoint(at: Self.original) }

  private func write(_ name: String, _ renamed: (String) -> String?) throws -> URL {
    var writer = SafetensorsWriter(folder.file(name))
    for record in try weights().records {
      if let new = renamed(record.name.string) { try writer.add(record, as: TensorName(new)) }
    }
    try writer.write()
    return folder.file(name)
  }

  /// OpenAI's names: q, k and v are one matrix, and the projection is turned.
  private func writeOpenAI(_ name: String, prefix: String = "") throws -> URL {
    let weights = try weights()
    var writer = SafetensorsWriter(folder.file(name))
    func add(_ name: String, _ stored: String) throws { try writer.add(TensorName(prefix + name), weights.tensor(stored)) }
    try add("token_embedding.weight", "text_model.embeddings.token_embedding.weight")
    try add("positional_embedding", "text_model.embeddings.position_embedding.weight")
    for (name, stored) in [
      ("ln_1", "layer_norm1"), ("ln_2", "layer_norm2"), ("attn.out_proj", "self_attn.out_proj"), ("mlp.c_fc", "mlp.fc1"),
      ("mlp.c_proj", "mlp.fc2"),
    ] {
      for layer in 0..<2 {
        for part in ["weight", "bias"] {
          try add("transformer.resblocks.\(layer).\(name).\(part)", "text_model.encoder.layers.\(layer).\(stored).\(part)")
        }
      }
    }
    for layer in 0..<2 {
      for part in ["weight", "bias"] {
        let attention = "text_model.encoder.layers.\(layer).self_attn."
        let parts = try ["q", "k", "v"].map { try weights.tensor("\(attention)\($0)_proj.\(part)") }
        try writer.add(TensorName("\(prefix)transformer.resblocks.\(layer).attn.in_proj_\(part)"), .concatenated(parts))
      }
    }
    for part in ["weight", "bias"] { try add("ln_final.\(part)", "text_model.final_layer_norm.\(part)") }
    let projection = try weights.tensor("text_projection.weight")
    let (rows, columns) = (projection.rows, projection.columns)
    let numbers = projection.array
    let turned = (0..<rows * columns).map { numbers[$0 % rows * columns + $0 / rows] }
    try writer.add(TensorName(prefix + "text_projection"), Tensor(turned, [columns, rows]))
    try writer.write()
    return folder.file(name)
  }

  @Test func allNamesReadTheSame() throws {
    let stated = try stated()
    let encoder = try #require(try stated.load(weights(), backend: backend) as? CLIPTextEncoder)
    let expected = try encoder.states(of: [69, 3, 4, 70, 70])
    let files = [
      try writeOpenAI("openai.safetensors"), try writeOpenAI("bundle.safetensors", prefix: "cond_stage_model.model."),
      try write("plain.safetensors") { $0.replacing("text_model.", with: "") },
      try write("sd.safetensors") { "cond_stage_model.transformer." + $0 },
    ]
    try FileManager.default.copyItem(at: Self.original.appendingPathComponent("config.json"), to: folder.file("config.json"))
    for file in files {
      let sizes = try #require(try TextEncoders.configuration(of: file) as? CLIPTextConfiguration)
      #expect("\(sizes)" == "\(stated)", "\(file.lastPathComponent)")
      let other = try #require(try sizes.load(TextEncoders.open(file), backend: backend) as? CLIPTextEncoder)
      let states = try other.states(of: [69, 3, 4, 70, 70])
      #expect(states.hidden.array == expected.hidden.array && states.pooled.array == expected.pooled.array)
      #expect(states.embedding?.array == expected.embedding?.array && states.embedding != nil)
    }
  }

  /// A later token changes nothing before it, and padding is read like any other.
  @Test func looksBackAlone() throws {
    let encoder = try #require(try stated().load(weights(), backend: backend) as? CLIPTextEncoder)
    let (long, short) = (try encoder.states(of: [69, 3, 4, 70, 5]).hidden, try encoder.states(of: [69, 3, 4]).hidden)
    #expect(long.slice(0, count: 3).array == short.array)
    #expect(throws: BackendError.self) { try encoder.states(of: Array(repeating: 1, count: 11)) }
  }

  @Test(arguments: [("2", 3), ("70", 1), ("9", 0)])
  func wherePooled(end: String, place: Int) throws {
    let text = try String(contentsOf: Self.original.appendingPathComponent("config.json"), encoding: .utf8)
    try Data(text.replacing(/"eos_token_id": \d+/, with: "\"eos_token_id\": \(end)").utf8).write(to: folder.file("config.json"))
    let sizes = try TextEncoders.configuration(ConfigurationFile(folder.file("config.json")))
    let encoder = try #require(try sizes.load(weights(), backend: backend) as? CLIPTextEncoder)
    let states = try encoder.states(of: [69, 70, 4, 80, 80, 70])
    #expect(states.pooled.array == states.hidden.slice(place, count: 1).array)
  }

  /// The configuration of both towers, of which fields that are OpenAI's are left out.
  @Test func bothTowers() throws {
    let inner = #"{"hidden_size": 30, "num_attention_heads": 5, "intermediate_size": 50, "hidden_act": "gelu"}"#
    try Data(#"{"model_type": "clip", "projection_dim": 22, "text_config": \#(inner), "vision_config": {}}"#.utf8)
      .write(to: folder.file("config.json"))
    let sizes = try #require(
      try TextEncoders.configuration(ConfigurationFile(folder.file("config.json"))) as? CLIPTextConfiguration)
    #expect(sizes.vocabularySize == 49_408 && sizes.positions == 77 && sizes.layers == 12 && sizes.projectionSize == 22)
    let again = try JSONDecoder().decode(CLIPTextConfiguration.self, from: JSONEncoder().encode(sizes.fields))
    #expect("\(again)" == "\(sizes)")
  }

  @Test(arguments: [
    (#""hidden_act": "gelu""#, #""hidden_act": "swish""#, "swish"),
    (#""num_attention_heads": 5"#, #""num_attention_heads": 7"#, "7 heads"),
    (#""max_position_embeddings": 10"#, #""max_position_embeddings": 1e9"#, "max_position_embeddings"),
    (#""model_type": "clip_text_model""#, #""model_type": "clip_vision_model""#, "clip_vision_model"),
  ])
  func whatIsWrongIsNamed(old: String, new: String, what: String) throws {
    let text = try String(contentsOf: Self.original.appendingPathComponent("config.json"), encoding: .utf8)
    try #require(text.contains(old))
    try Data(text.replacing(old, with: new).utf8).write(to: folder.file("config.json"))
    #expect {
      _ = try TextEncoders.configuration(ConfigurationFile(folder.file("config.json")))
    } throws: { "\($0)".contains(what) && "\($0)".contains("config.json") }
  }

  @Test func aMissingTensorIsNamed() throws {
    for gone in try weights().records.map(\.name.string) where gone != "text_projection.weight" {
      let file = try write("gone.safetensors") { $0 == gone ? nil : $0 }
      #expect { _ = try stated().load(openCheckpoint(at: file), backend: backend) } throws: { "\($0)".contains(gone) }
    }
    let parameters = try stated().listing().parameters
    #expect(parameters.count == 2 + 2 * 12 + 2)
  }
}
