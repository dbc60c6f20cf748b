import DiTCheckpoints
import DiTTensors
import DiTTestSupport
import DiTText
import Foundation
import Testing

/// T5 as it is declared: what it lists is what it reads, and what is wrong with a file is said by name.
@Suite struct T5Tests {
  static let forms = ["t5/v1_0", "t5/v1_1"]
  let folder: TemporaryFolder
  let backend: Backend

  init() throws {
    folder = try TemporaryFolder()
    backend = try Backend(.native, precision: .f32, threads: 1)
  }

  private func sizes(_ form: String) throws -> T5Configuration {
    let file = try ConfigurationFile(Fixtures.url(form + "/config.json"))
    return try #require(try TextEncoders.configuration(file) as? T5Configuration)
  }

  private func file(_ parameters: [Parameter]) throws -> Checkpoint {
    var writer = SafetensorsWriter(folder.file("t5.safetensors"))
    for parameter in parameters { try writer.add(parameter, seed: 1, as: .bf16) }
    try writer.write()
    return try openCheckpoint(at: folder.file("t5.safetensors"))
  }

  @Test(arguments: forms) func listsWhatItReads(_ form: String) throws {
    let sizes = try sizes(form)
    let parameters = try sizes.listing().parameters
    let stored = try openCheckpoint(at: Fixtures.url(form + "/model.safetensors")).records
      .filter { $0.name != "encoder.embed_tokens.weight" }  // the same numbers again
    #expect(Set(parameters.map { "\($0.name) \($0.shape)" }) == Set(stored.map { "\($0.name.string) \($0.shape)" }))
    for streamed in [false, true] {
      let checkpoint = try file(parameters)
      let encoder = try T5Encoder(sizes, Parameters(checkpoint, backend: backend), streamed: streamed)
      try checkpoint.requireAllRead()
      let states = try encoder.encode([[3, 1, 4], [1]])
      #expect(states.map(\.shape) == [[3, encoder.width], [1, encoder.width]])
      #expect(states.allSatisfy { $0.array.allSatisfy(\.isFinite) })
    }
  }

  @Test(arguments: forms, [false, true]) func damageIsNamed(_ form: String, streamed: Bool) throws {
    let sizes = try sizes(form)
    let parameters = try sizes.listing().parameters
    for (index, parameter) in parameters.enumerated() {
      var broken = parameters
      broken[index] = Parameter(parameter.name, parameter.shape + [7])
      for (list, what) in [(broken, "\(parameter.shape + [7])"), (parameters.filter { $0 != parameter }, "no tensor")] {
        let checkpoint = try file(list)
        #expect {
          _ = try T5Encoder(sizes, Parameters(checkpoint, backend: backend), streamed: streamed)
        } throws: { error in
          error is LoadError && ["t5.safetensors", parameter.name, what].allSatisfy("\(error)".contains)
        }
      }
    }
  }

  @Test func costs() throws {
    let sizes = try sizes("t5/v1_1")
    let (d, inner, tokens) = (sizes.hiddenSize, sizes.heads * sizes.headSize, 5)
    let costs = try sizes.listing().costs(Workload(textTokens: tokens))
    #expect(costs.map(\.name) == ["word pieces", "self-attention", "feed-forward"])
    #expect(costs.allSatisfy { $0.frequency == .picture })
    #expect(
      costs.map(\.cost.multiplyAdds) == [
        0, sizes.layers * (4 * inner * d * tokens + 2 * tokens * tokens * inner),
        sizes.layers * 3 * d * sizes.feedForwardSize * tokens,
      ])
  }

  @Test func encodersAreRecognised() throws {
    let url = folder.file("config.json")
    let fields = try readConfiguration(JSONValue.self, at: Fixtures.url("t5/v1_1/config.json")).object ?? [:]
    func configuration(_ type: JSONValue?) throws -> any TextEncoderConfiguration {
      var fields = fields
      fields["model_type"] = type
      try JSONEncoder().encode(JSONValue.object(fields)).write(to: url)
      return try TextEncoders.configuration(ConfigurationFile(url))
    }
    for type in [nil, "t5", "mt5"] as [String?] {
      #expect(try configuration(type.map(JSONValue.string)).width == fields["d_model"]?.integer)
    }
    #expect {
      _ = try configuration(.string("umt5"))
    } throws: { error in
      ["config.json", "\"umt5\"", "T5"].allSatisfy("\(error)".contains)
    }
  }

  /// One file of weights, without a configuration or with one beside it, under any prefix.
  @Test(arguments: forms, ["", "text_encoders.t5xxl.transformer."]) func oneFile(_ form: String, prefix: String) throws {
    let stated = try sizes(form)
    let source = try openCheckpoint(at: Fixtures.url(form + "/model.safetensors"))
    let url = folder.file("t5.safetensors")
    var writer = SafetensorsWriter(url)
    // The table of embeddings under one of its two names.
    for record in source.records where record.name != "shared.weight" || !source.contains("encoder.embed_tokens.weight") {
      try writer.add(record, as: TensorName(prefix + record.name.string))
    }
    try writer.add("logit_scale", try Tensor([1], [1]))
    try writer.write()
    let read = try #require(try TextEncoders.configuration(of: url) as? T5Configuration)
    #expect("\(read)" == "\(stated)")
    let again = try JSONDecoder().decode(T5Configuration.self, from: JSONEncoder().encode(read.fields))
    #expect("\(again)" == "\(read)")
    let states = try read.load(TextEncoders.open(url), backend: backend).encode([[3, 1, 4]])
    #expect(try states.map(\.array) == stated.load(source, backend: backend).encode([[3, 1, 4]]).map(\.array))
    try FileManager.default.copyItem(at: Fixtures.url("vae/tiny/config.json"), to: folder.file("config.json"))
    #expect(try TextEncoders.configuration(of: url).width == stated.width)
  }

  @Test func otherFilesAreNoEncoder() throws {
    #expect {
      _ = try TextEncoders.configuration(of: Fixtures.url("vae/tiny/diffusion_pytorch_model.safetensors"))
    } throws: { "\($0)".contains("no text encoder") }
  }
}
