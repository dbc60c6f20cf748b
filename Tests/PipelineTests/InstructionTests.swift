import DiTCheckpoints
import DiTModels
import DiTTensors
import DiTTestSupport
import DiTText
import DiTTextToImage
import Foundation
import Testing

/// A model that reads its prompts with Gemma 2, behind SANA's instruction.
@Suite struct InstructionTests {
  let temporary: TemporaryFolder
  let model: ModelFolder

  init() throws {
    temporary = try TemporaryFolder()
    let files = FileManager.default
    let url = temporary.file("micro")
    try files.copyItem(at: MicroModel.folder().url, to: url)
    let encoder = url.appendingPathComponent("text_encoder"), tokenizer = url.appendingPathComponent("tokenizer/spiece.model")
    try files.removeItem(at: encoder)
    try files.createDirectory(at: encoder, withIntermediateDirectories: true)
    let sizes = """
      {"model_type": "gemma2", "vocab_size": 1100, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
      "num_key_value_heads": 1, "head_dim": 12, "intermediate_size": 32, "sliding_window": 100}
      """
    try Data(sizes.utf8).write(to: encoder.appendingPathComponent("config.json"))
    var writer = SafetensorsWriter(encoder.appendingPathComponent("model.safetensors"))
    for parameter in try TextEncoders.configuration(of: encoder).listing().parameters {
      try writer.add(parameter, seed: 2, as: .bf16)
    }
    try writer.write()
    try files.removeItem(at: tokenizer)
    try files.copyItem(
      at: Fixtures.url("gemma-tokenizer/tokenizer.model"), to: url.appendingPathComponent("tokenizer/tokenizer.model"))
    model = try ModelFolder(url)
  }

  private func loaded() throws -> TextToImage { try TextToImage(model, backend: Backend(.native, precision: .f32, threads: 2)) }

  private func request(_ prompt: String, negative: String = "") throws -> GenerationRequest {
    var request = try MicroModel.request(prompt)
    (request.negativePrompt, request.guidanceScale, request.steps) = (negative, 3, 2)
    return request
  }

  /// The same picture without the cache, while it is filled, and from it; and no prompt's states for a negative one's.
  @Test func cached() throws {
    let model = try loaded(), cache = temporary.file("cache")
    let request = try request("a red fox in snow", negative: "a red fox in snow")
    let expected = try model.draw([request])[0].picture
    for _ in 0..<2 { #expect(try model.makeSession(textCache: cache).draw([request])[0].picture == expected) }
    let files = try FileManager.default.contentsOfDirectory(at: cache, includingPropertiesForKeys: nil)
    #expect(files.count == 3)  // the prompt, the negative one, and what the instruction leaves
    let instructions = try files.filter { try openCheckpoint(at: $0).contains("keys.0") }
    #expect(instructions.count == 1)
    // Another prompt needs no instruction any more, and a damaged one is made again.
    let other = try self.request("two green apples")
    let wanted = try model.draw([other])[0].picture
    #expect(try model.makeSession(textCache: cache).draw([other])[0].picture == wanted)
    for file in try FileManager.default.contentsOfDirectory(at: cache, includingPropertiesForKeys: nil) {
      try Data("{}".utf8).write(to: file)
    }
    #expect(try model.makeSession(textCache: cache).draw([other])[0].picture == wanted)
    #expect(try openCheckpoint(at: instructions[0]).contains("values.1"))
  }

  @Test func rolesAndTokens() throws {
    let model = try loaded(), session = try model.makeSession()
    let prompt = "a red fox in snow"
    let states = try #require(try session.states(of: prompt))
    let negative = try #require(try session.states(of: prompt, as: .negative))
    #expect(try model.tokens(of: prompt) == [2, 282, 674, 553, 1000, 306, 902])
    #expect(states.shape == [7, 24] && negative.shape == [7, 24] && states.array != negative.array)
    #expect(states.slice(0, count: 1).array == negative.slice(0, count: 1).array)  // the start token sees itself alone
    #expect(try session.states(of: "")?.shape == [2, 24] && session.states(of: "", as: .negative)?.shape == [1, 24])
    let plain = try model.draw([request(prompt)])[0].picture
    #expect(try model.draw([request("a (red fox:1.6) in snow")])[0].picture != plain)
    #expect(try model.draw([request("a (red fox:1) in snow")])[0].picture == plain)
    // One of a batch is as if alone.
    let both = try model.draw([request(prompt), request("two green apples on a table")])
    #expect(both[0].picture == plain)
  }

  /// model_max_length is 48: the start token and 47 of the text.
  @Test func longPromptsAreCut() throws {
    let model = try loaded(), long = String(repeating: "apples ", count: 60)
    let session = try model.makeSession()
    #expect(try session.states(of: long)?.shape == [48, 24])
    let dropped = model.droppedTokens(of: long)
    #expect(dropped > 0)
    let notes = try PromptReview(self.model).notes(on: long)
    #expect(notes.contains { $0.contains("reads 47 tokens; the last \(dropped) of the prompt") }, "\(notes)")
  }
}
