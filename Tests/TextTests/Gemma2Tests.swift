import DiTCheckpoints
import DiTTensors
import DiTTestSupport
import DiTText
import Foundation
import Testing

/// Gemma 2 as it is declared, and texts behind an instruction; its goldens are in the verifier's tests.
@Suite struct Gemma2Tests {
  static let form = Fixtures.url("gemma2/alternating")
  let folder: TemporaryFolder
  let backend: Backend

  init() throws {
    folder = try TemporaryFolder()
    backend = try Backend(.native, precision: .f32, threads: 1)
  }

  private func sizes() throws -> Gemma2Configuration {
    try #require(try TextEncoders.configuration(of: Self.form) as? Gemma2Configuration)
  }

  private func encoder(_ backend: Backend? = nil, streamed: Bool? = nil) throws -> Gemma2Encoder {
    let weights = try openCheckpoint(at: Self.form.appendingPathComponent("model.safetensors"))
    return try Gemma2Encoder(sizes(), Parameters(weights, backend: backend ?? self.backend), streamed: streamed)
  }

  @Test func listsWhatItReads() throws {
    let parameters = try sizes().listing().parameters
    let stored = try openCheckpoint(at: Self.form.appendingPathComponent("model.safetensors")).records
    #expect(Set(parameters.map { "\($0.name) \($0.shape)" }) == Set(stored.map { "\($0.name.string) \($0.shape)" }))
    let again = try JSONEncoder().encode(sizes().fields)
    try again.write(to: folder.file("config.json"))
    let read = try TextEncoders.configuration(of: folder.file("config.json").deletingLastPathComponent())
    #expect(try read.fields == sizes().fields)
  }

  @Test func damageIsNamed() throws {
    let parameters = try sizes().listing().parameters
    for (index, parameter) in parameters.enumerated() {
      var broken = parameters
      broken[index] = Parameter(parameter.name, parameter.shape + [7])
      for (list, what) in [(broken, "\(parameter.shape + [7])"), (parameters.filter { $0 != parameter }, "no tensor")] {
        var writer = SafetensorsWriter(folder.file("gemma.safetensors"))
        for parameter in list { try writer.add(parameter, seed: 1, as: .bf16) }
        try writer.write()
        let checkpoint = try openCheckpoint(at: folder.file("gemma.safetensors"))
        for streamed in [false, true] {
          #expect {
            _ = try Gemma2Encoder(sizes(), Parameters(checkpoint, backend: backend), streamed: streamed)
          } throws: { ["gemma.safetensors", parameter.name, what].allSatisfy("\($0)".contains) }
        }
      }
    }
  }

  /// The names of causal language models, and a file without configuration.
  @Test func otherNames() throws {
    let stored = try openCheckpoint(at: Self.form.appendingPathComponent("model.safetensors"))
    var writer = SafetensorsWriter(folder.file("model.safetensors"))
    for record in stored.records { try writer.add(record, as: TensorName("model." + record.name.string)) }
    try writer.add("lm_head.weight", Tensor([90, 24]))
    try writer.write()
    let named = try TextEncoders.open(folder.file("model.safetensors"))
    let expected = try encoder().encode([[2, 7, 9]])[0].array
    #expect(try Gemma2Encoder(sizes(), Parameters(named, backend: backend)).encode([[2, 7, 9]])[0].array == expected)
    #expect { _ = try TextEncoders.configuration(of: folder.file("model.safetensors")) } throws: {
      "\($0)".contains("model.safetensors") && "\($0)".contains("needs its config.json")
    }
    try FileManager.default.copyItem(at: Self.form.appendingPathComponent("config.json"), to: folder.file("config.json"))
    let found = try TextEncoders.configuration(of: folder.file("config.json").deletingLastPathComponent())
    #expect(found.width == 24 && found.instruction == sanaInstruction)
  }

  /// One bit, whether the instruction is computed with the text, before it, or read; whatever else is in the batch.
  @Test(arguments: [Precision.f32, .bf16, .int8], [1, 3])
  func instructions(_ precision: Precision, threads: Int) throws {
    let encoder = try encoder(Backend(.native, precision: precision, threads: threads))
    let instruction = [2, 11, 31, 5, 8, 60, 43, 12], tails = [[9, 4], [77, 3, 5, 21, 6], []]
    let texts = tails.map { InstructedText(instruction: instruction, [2] + $0) } + [InstructedText([2, 9, 4])]
    var asked = 0
    let place = { (tokens: [Int]) in
      asked += 1
      return folder.file("\(tokens.count).safetensors")
    }
    let states = try encoder.encode(texts, keeping: place, probe: nil).map(\.array)
    #expect(asked == 1)
    for (index, tail) in tails.enumerated() {
      let whole = try encoder.encode([instruction + tail])[0]
      let rows = [0] + (instruction.count..<instruction.count + tail.count)
      let wanted = rows.flatMap { whole.slice($0, count: 1).array }
      let comparison = Comparison(expected: wanted, actual: states[index])
      #expect(comparison.nmse < (precision == .f32 ? 1e-11 : 1e-3), "\(index)")
      #expect(try encoder.encode([texts[index]], keeping: nil, probe: nil)[0].array == states[index])
    }
    #expect(states[3] == (try encoder.encode([[2, 9, 4]])[0].array) && states[3] != states[0])
    #expect(try encoder.encode(texts, keeping: place, probe: nil).map(\.array) == states)
    // What is damaged, or another's, is made again.
    let file = folder.file("8.safetensors")
    let old = try openCheckpoint(at: file), good = try Data(contentsOf: file)
    for (name, change) in [("keys.1", Float.nan), ("start", .infinity)] {
      var writer = SafetensorsWriter(folder.file("damaged.safetensors"), metadata: old.metadata)
      for record in old.records {
        let tensor = try old.tensor(record.name.string)
        if record.name.string == name { tensor.withFloats { $0[1] = change } }
        try writer.add(record.name, tensor)
      }
      try writer.write()
      try Data(contentsOf: folder.file("damaged.safetensors")).write(to: file)
      #expect(try encoder.encode(texts, keeping: place, probe: nil).map(\.array) == states)
      #expect(try Data(contentsOf: file) == good)
    }
    for damage in [Data(), good.prefix(good.count / 2), Data("{}".utf8)] {
      try damage.write(to: file)
      #expect(try encoder.encode(texts, keeping: place, probe: nil).map(\.array) == states)
    }
    let other = try encoder.encode(
      [InstructedText(instruction: [2, 1, 3, 5, 8, 60, 43, 13], [2, 9, 4])], keeping: { _ in file }, probe: nil)[0].array
    #expect(other != states[0])
  }

  @Test(arguments: [
    ("\"head_dim\": 10", "\"head_dim\": 0", "head_dim is 0"), ("\"head_dim\": 10", "\"head_dim\": 11", "even"),
    ("\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3", "num_key_value_heads is 3"),
    ("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 100000", "num_hidden_layers is 100000"),
    ("\"hidden_size\": 24", "\"hidden_size\": 2.5", "hidden_size is 2.5"),
    ("\"vocab_size\": 90", "\"vocab_size\": null", "vocab_size"),
    ("\"attn_logit_softcapping\": 6.0", "\"attn_logit_softcapping\": -6", "attn_logit_softcapping is -6"),
    ("\"query_pre_attn_scalar\": 14", "\"query_pre_attn_scalar\": 0", "query_pre_attn_scalar is 0"),
    ("\"rope_theta\": 10000.0", "\"rope_theta\": 0", "rope_theta is 0"),
    ("\"rope_theta\": 10000.0", "\"rope_parameters\": {\"rope_theta\": -1, \"rope_type\": \"default\"}", "rope_theta is -1"),
    ("\"rope_theta\": 10000.0", "\"rope_parameters\": {\"rope_type\": \"yarn\"}", "positions are scaled"),
    ("\"rope_theta\": 10000.0", "\"layer_types\": [\"full_attention\"]", "1 entries for 2 layers"),
    ("\"rope_theta\": 10000.0", "\"layer_types\": [\"a\", \"b\"]", "holds \"a\""),
    ("\"sliding_window\": 5", "\"sliding_window\": 0", "sliding_window is 0"),
    ("\"hidden_activation\": \"gelu_pytorch_tanh\"", "\"hidden_activation\": \"relu2\"", "relu2"),
    ("\"attention_bias\": false", "\"attention_bias\": true", "attention_bias is true"),
  ])
  func badConfigurations(_ old: String, _ new: String, _ message: String) throws {
    let text = try String(contentsOf: Self.form.appendingPathComponent("config.json"), encoding: .utf8)
    let changed = text.replacing(old, with: new)
    #expect(changed != text, "\(old)")
    try Data(changed.utf8).write(to: folder.file("config.json"))
    #expect { _ = try TextEncoders.configuration(ConfigurationFile(folder.file("config.json"))) } throws: {
      let line = "\($0)"
      return line.contains("config.json") && line.contains(message) && !line.contains("\n")
    }
  }
}
