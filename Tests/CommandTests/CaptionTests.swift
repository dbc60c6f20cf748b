import DiTCheckpoints
import DiTImage
import DiTTensors
import DiTTestSupport
import DiTTransformer
import Foundation
import Testing

/// `caption`, with a UniDiffuser of random numbers.
@Suite(.serialized) struct CaptionTests {
  let program: Program

  init() throws { program = try Program() }

  private func write(_ text: String, to path: String) throws {
    let url = program.folder.appendingPathComponent(path)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: url)
  }

  private func copy(_ fixture: String, to path: String) throws {
    try FileManager.default.copyItem(at: Fixtures.url(fixture), to: program.folder.appendingPathComponent(path))
  }

  /// A folder as diffusers writes it, of tiny parts.
  private func uniDiffuser() throws {
    try write(#"{"_class_name": "UniDiffuserPipeline"}"#, to: "uni/model_index.json")
    try copy("uvit-t2i/b/vae", to: "uni/vae")
    try copy("clip-vision/gelu", to: "uni/image_encoder")
    try write(
      #"{"size": {"shortest_edge": 10}, "crop_size": {"height": 10, "width": 10}, "resample": 3}"#,
      to: "uni/clip_image_processor/preprocessor_config.json")
    let unet = """
      {"num_attention_heads": 2, "attention_head_dim": 6, "num_layers": 2, "patch_size": 2, "in_channels": 4, "sample_size": 4,
      "num_text_tokens": 3, "text_dim": 6, "clip_img_dim": 31, "use_data_type_embedding": true}
      """
    try write(unet, to: "uni/unet/config.json")
    let sizes = try JSONDecoder().decode(UniDiffuserConfiguration.self, from: Data(unet.utf8))
    let file = { (path: String) in program.folder.appendingPathComponent(path) }
    var writer = SafetensorsWriter(file("uni/unet/diffusion_pytorch_model.safetensors"))
    for parameter in try NetworkListing({ _ = try UniDiffuser(sizes, $0) }).parameters {
      try writer.add(parameter, seed: 1, as: .f32)
    }
    try writer.write()

    let words = ["a", " ", "red", "fox", "in", "snow", ".", "<|EOS|>"].map { $0.replacing(" ", with: "Ġ") }
    try write("{\(words.enumerated().map { "\"\($1)\": \($0)" }.joined(separator: ", "))}", to: "uni/text_tokenizer/vocab.json")
    try write(
      """
      {"prefix_length": 3, "prefix_inner_dim": 8, "prefix_hidden_dim": 6, "n_embd": 12, "n_layer": 1, "n_head": 3,
      "n_positions": 16, "vocab_size": 8}
      """, to: "uni/text_decoder/config.json")
    let block = "transformer.transformer.h.0."
    let shapes: [(String, [Int])] = [
      ("encode_prefix.weight", [6, 8]), ("encode_prefix.bias", [6]), ("decode_prefix.weight", [12, 6]),
      ("decode_prefix.bias", [12]), ("transformer.transformer.wte.weight", [8, 12]),
      ("transformer.transformer.wpe.weight", [16, 12]), ("transformer.transformer.ln_f.weight", [12]),
      ("transformer.transformer.ln_f.bias", [12]), (block + "ln_1.weight", [12]), (block + "ln_1.bias", [12]),
      (block + "ln_2.weight", [12]), (block + "ln_2.bias", [12]), (block + "attn.c_attn.weight", [12, 36]),
      (block + "attn.c_attn.bias", [36]), (block + "attn.c_proj.weight", [12, 12]), (block + "attn.c_proj.bias", [12]),
      (block + "mlp.c_fc.weight", [12, 48]), (block + "mlp.c_fc.bias", [48]), (block + "mlp.c_proj.weight", [48, 12]),
      (block + "mlp.c_proj.bias", [12]),
    ]
    var decoder = SafetensorsWriter(file("uni/text_decoder/diffusion_pytorch_model.safetensors"))
    for (index, (name, shape)) in shapes.enumerated() {
      let numbers = (0..<shape.reduce(1, *)).map { sin(Float(index) * 1.7 + Float($0) * 2.3) * 0.7 }
      try decoder.add(TensorName(name), Tensor(numbers, shape))
    }
    try decoder.write()
    for (name, side) in [("a.png", 20), ("b.png", 31)] {
      let bytes = (0..<side * 24 * 3).map { UInt8(truncatingIfNeeded: $0 * side + $0 / 7) }
      try Picture(width: side, height: 24, pixels: bytes).write(to: file(name))
    }
  }

  private struct Answer: Decodable {
    var file, caption: String
    var score: Double
    var captions: [Found]

    struct Found: Decodable { var text: String, score: Double }
  }

  @Test func saysWhatPicturesShow() throws {
    defer { program.remove() }
    try uniDiffuser()
    let some = ["--model", "uni", "--steps", "4"]
    let alone = try program.run(["caption", "a.png"] + some)
    #expect(alone.status == 0 && alone.errors.isEmpty && !alone.output.isEmpty)
    #expect(try program.run(["caption", "a.png", "--threads", "1"] + some).output == alone.output)
    // The same words beside another picture.
    let both = try program.run(["caption", "b.png", "a.png"] + some)
    #expect(both.output.hasPrefix("b.png: ") && both.output.hasSuffix("a.png: " + alone.output))
    let answers = try program.run(["caption", "a.png", "b.png", "--json", "--seed", "5"] + some).output.split(separator: "\n")
      .map { try JSONDecoder().decode(Answer.self, from: Data($0.utf8)) }
    #expect(answers.map(\.file) == ["a.png", "b.png"] && answers.allSatisfy { $0.captions.count == 5 })
    #expect(answers.allSatisfy { $0.caption == $0.captions[0].text && $0.score == $0.captions[0].score })
    #expect(answers.allSatisfy { $0.captions.map(\.score) == $0.captions.map(\.score).sorted(by: >) })
    // Another seed, another text to begin with.
    let other = try program.run(["caption", "a.png", "--json"] + some).output
    #expect(try JSONDecoder().decode(Answer.self, from: Data(other.utf8)).score != answers[0].score)
  }

  @Test func whatIsWrongIsOneLine() throws {
    defer { program.remove() }
    try uniDiffuser()
    let some = ["--model", "uni", "--steps", "1"]
    func refused(_ arguments: [String], _ status: Int32, _ what: String) throws {
      let result = try program.run(["caption"] + arguments)
      #expect(result.status == status && result.errorLines.count == 1 && result.errors.contains(what), "\(result.errors)")
    }
    try refused(["none.png"] + some, 66, "none.png")
    try refused(["a.png", "--model", Fixtures.url("uvit/class").path], 65, "UniDiffuser")
    let file = { (path: String) in program.folder.appendingPathComponent(path) }
    try write(#"{"size": 12, "crop_size": 12}"#, to: "uni/clip_image_processor/preprocessor_config.json")
    try refused(["a.png"] + some, 65, "12")
    try FileManager.default.removeItem(at: file("uni/text_tokenizer"))
    try refused(["a.png"] + some, 65, "no text_tokenizer")
  }
}
