import DiTCheckpoints
import DiTModels
import DiTTensors
import DiTTestSupport
import DiTTransformer
import Foundation
import Testing

/// Files of other programs, and damaged ones: each is read or refused in one line that says what is wrong with it.
@Suite struct LoRAFileTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static let layer = "transformer.transformer_blocks.0.attn1.to_q"
  private static let a = layer + ".lora_A.weight", b = layer + ".lora_B.weight"

  /// Shapes, in place of a good file's or beside them; nil takes one away.
  struct Odd: Sendable {
    let tensors: [String: [Int]?]
    let reason: String
    var metadata: [String: String] = [:]
    var value: Float?
  }

  static let odd: [Odd] = [
    Odd(tensors: [b: [24, 5]], reason: "rank 5"), Odd(tensors: [a: [4, 26]], reason: "is [24, 26], the model's [24, 24]"),
    Odd(tensors: [b: [22, 4]], reason: "is [22, 24], the model's [24, 24]"), Odd(tensors: [b: nil], reason: "has no B"),
    Odd(tensors: [a: nil], reason: "has no A"), Odd(tensors: [a: [0, 24], b: [24, 0]], reason: "rank 0"),
    Odd(tensors: [a: [4]], reason: "expected [rank, inputs]"),
    Odd(tensors: [b: [24, 4, 2, 2]], reason: "expected [outputs, rank]"),
    Odd(tensors: [a: nil, b: nil, "transformer.note": [1]], reason: "no LoRA"), Odd(tensors: [a: nil, b: nil], reason: "no LoRA"),
    Odd(tensors: [layer + ".alpha": [3]], reason: "expected one number"),
    Odd(tensors: [layer + ".alpha": []], reason: "alpha is", value: .nan),
    Odd(tensors: [layer + ".alpha": []], reason: "alpha is 0", value: 0),
    Odd(tensors: [layer + ".lora_B.bias": [24]], reason: "lora_bias"),
    Odd(tensors: [layer + ".weight": [24, 24]], reason: "no part of a LoRA"),
    Odd(tensors: [layer + ".dora_scale": [24, 1]], reason: "lora_magnitude_vector"),
    Odd(tensors: [layer + ".lora_magnitude_vector": [23]], reason: "expected [24]"),
    Odd(tensors: [layer + ".lora_mid.weight": [4, 4, 1, 1]], reason: "lora_mid"),
    Odd(tensors: ["lycoris_transformer_blocks_0_attn1_to_q.lokr_w1": [2, 2]], reason: "LoKr"),
    Odd(tensors: ["lycoris_transformer_blocks_0_attn1_to_q.hada_w1_a": [2, 2]], reason: "LoHa"),
    Odd(tensors: ["base_model.model.transformer_blocks.0.attn1.to_q.ia3_l": [24, 1]], reason: "IA3"),
    Odd(tensors: ["lora_unet_transformer_blocks_0_attn1_to_q.oft_blocks": [2, 2, 2]], reason: "OFT"),
    Odd(tensors: ["lycoris_transformer_blocks_0_attn1_to_q.diff": [24, 24]], reason: "LyCORIS full"),
    Odd(
      tensors: [
        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight": [4, 320],
        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_up.weight": [320, 4],
      ], reason: "Stable Diffusion U-Net"),
    Odd(tensors: ["lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight": [4, 24]], reason: "Flux"),
    Odd(tensors: ["text_encoder.encoder.block.0.layer.0.SelfAttention.q.lora_A.weight": [4, 16]], reason: "text encoder"),
    Odd(tensors: ["lora_te_text_model_encoder_layers_0_mlp_fc1.lora_up.weight": [4, 16]], reason: "text encoder"),
    Odd(
      tensors: [
        "lora_unet_transformer_blocks_0_attn1_to_q.lora_down.weight": [4, 24],
        "lora_unet_transformer_blocks_0_attn1_to_q.lora_up.weight": [24, 4],
      ], reason: "are the same layer"),
    // The fused layer of the original names, and one of its parts.
    Odd(
      tensors: [
        "lora_unet_blocks_0_attn_qkv.lora_down.weight": [4, 24], "lora_unet_blocks_0_attn_qkv.lora_up.weight": [72, 4],
      ], reason: "are the same layer"),
    Odd(
      tensors: [
        "transformer.transformer_blocks.9.attn1.to_q.lora_A.weight": [4, 24],
        "transformer.transformer_blocks.9.attn1.to_q.lora_B.weight": [24, 4],
      ], reason: "the model has no layer"),
    Odd(
      tensors: [
        "transformer.pos_embed.proj.lora_A.weight": [4, 4, 1, 1], "transformer.pos_embed.proj.lora_B.weight": [24, 4, 1, 1],
      ], reason: "the model's [24, 4, 2, 2]"),
    Odd(tensors: [:], reason: "no JSON object", metadata: ["lora_adapter_metadata": "{r: 4"]),
    Odd(tensors: [:], reason: "says rank 7", metadata: ["lora_adapter_metadata": #"{"transformer.r": 7}"#]),
    Odd(
      tensors: [:], reason: "lora_alpha",
      metadata: ["lora_adapter_metadata": #"{"transformer.r": 4, "transformer.lora_alpha": NaN}"#]),
    Odd(tensors: [:], reason: "not finite", value: .infinity),
  ]

  @Test(arguments: odd.indices)
  func oddFilesAreRefused(_ index: Int) throws {
    let odd = Self.odd[index]
    var shapes: [String: [Int]?] = [Self.a: [4, 24], Self.b: [24, 4]]
    shapes.merge(odd.tensors) { $1 }
    let file = folder.file("odd.safetensors")
    let tensors = try shapes.compactMapValues { try $0.map { try AdapterFile.random($0) } }
    if let value = odd.value { tensors[odd.tensors.keys.first ?? Self.a]?.withFloats { $0[0] = value } }
    try AdapterFile.write(tensors, to: file, metadata: odd.metadata)
    let line = try #require(refusal(of: file))
    #expect(line.contains("odd.safetensors") && line.contains(odd.reason) && !line.contains("\n"), "\(line)")
  }

  private func refusal(of url: URL) -> String? {
    do {
      try LoRA(url).check(fits: Fixtures.url("pixart/plain"))
      return nil
    } catch {
      return "\(error)"
    }
  }

  /// Some programs write α with one dimension, or as a whole number.
  @Test func alphaInOtherForms() throws {
    let file = folder.file("alpha.safetensors")
    for (type, shape, bytes) in [
      (ElementType.f32, [1], withUnsafeBytes(of: Float(2)) { Data($0) }), (.i64, [], withUnsafeBytes(of: 2) { Data($0) }),
    ] {
      var writer = SafetensorsWriter(file)
      try writer.add(TensorName(Self.a), AdapterFile.random([4, 24]))
      try writer.add(TensorName(Self.b), AdapterFile.random([24, 4]))
      try writer.add(TensorName(Self.layer + ".alpha"), type: type, shape: shape, bytes: bytes)
      try writer.write()
      #expect(try LoRAFile(file).layers[0].scaling == 0.5)
    }
  }

  // MARK: settings

  /// A PEFT folder with one layer of rank 4.
  private func peft(_ fields: String) throws -> URL {
    try FileManager.default.createDirectory(at: folder.file("peft"), withIntermediateDirectories: true)
    try folder.write("{\(fields)}", to: "peft/adapter_config.json")
    let layer = "base_model.model.transformer_blocks.0.attn1.to_q"
    try AdapterFile.write(
      [layer + ".lora_A.weight": AdapterFile.random([4, 24]), layer + ".lora_B.weight": AdapterFile.random([24, 4])],
      to: folder.file("peft/adapter_model.safetensors"))
    return folder.file("peft")
  }

  @Test(arguments: [
    (#""r": 4, "lora_alpha": 8"#, 2), (#""r": 4"#, 2), (#""r": 4, "lora_alpha": 8, "use_rslora": true"#, 4),
    (#""rank_pattern": {"to_q": 4}, "lora_alpha": 4"#, 1), (#""rank_pattern": {"attn\\d.to_(q|k)": 4}, "lora_alpha": 4"#, 1),
    (#""r": 4, "alpha_pattern": {"transformer_blocks.0.attn1.to_q": 12, "to_v": 1}"#, 3),
    (#""r": 4, "alpha_pattern": {"o_q": 12}"#, 2), (#""r": 4, "target_modules": ["to_q"], "fan_in_fan_out": true"#, 2),
    (#""r": 4, "target_modules": ".*attn1\\.to_.*", "lora_alpha": 1.5"#, 0.375), (#""r": 4, "lora_alpha": null"#, 2),
  ])
  func settingsOfPEFT(_ fields: String, scaling: Double) throws {
    let file = try LoRAFile(peft(fields))
    #expect(file.layers.map(\.scaling) == [scaling] && file.form == "PEFT")
    #expect(file.notes.isEmpty == !fields.contains("fan_in"))
  }

  @Test(arguments: [
    (#""r": 5"#, "says rank 5"), ("", "says rank 8"), (#""r": 4, "rank_pattern": {"to_q": 2}"#, "says rank 2"),
    (#""r": 4, "target_modules": ["to_k"]"#, "target_modules"), (#""r": 4, "target_modules": "to_q""#, "target_modules"),
    (#""r": 4, "bias": "all""#, "bias"), (#""r": 4, "peft_type": "LOHA""#, "LOHA"), (#""r": 4, "use_dora": true"#, "use_dora"),
    (#""r": 4, "modules_to_save": ["proj_out"]"#, "modules_to_save"), (#""r": -1"#, "r: expected"), (#""r": 1e12"#, "r: expected"),
    (#""r": 4, "lora_alpha": "8""#, "lora_alpha"), (#""r": 4, "lora_alpha": 0"#, "lora_alpha"),
    (#""r": 4, "init_lora_weights": "pissa""#, "pissa"), (#""r": 4, "use_qalora": true"#, "use_qalora"),
    (#""r": 4, "alpha_pattern": {"(": 1}"#, "no expression"), (#""r": 4, "rank_pattern": [1]"#, "rank_pattern"),
    (#""r": 4, "alpha_pattern": {"to_q": 1, "attn1.to_q": 2}"#, "2 values"),
    (#""r": 4, "target_modules": "((.*)*)*x""#, "target_modules"),
    (#""r": 4, "alpha_pattern": {"(a|[a-z_.0-9]|to)+#": 2}, "bias": "all""#, "bias"),
  ])
  func settingsThatAreRefused(_ fields: String, reason: String) throws {
    let folder = try peft(fields)
    let line = try #require(refusal(of: folder))
    #expect(line.contains("peft/adapter_") && line.contains(reason) && !line.contains("\n"), "\(line)")
  }

  @Test func theWeightsInAPEFTFolderKnowTheirSettings() throws {
    let url = try peft(#""r": 4, "lora_alpha": 12"#)
    #expect(try LoRAFile(url.appendingPathComponent("adapter_model.safetensors")).layers[0].scaling == 3)
    try FileManager.default.removeItem(at: url.appendingPathComponent("adapter_model.safetensors"))
    #expect(refusal(of: url)?.contains("without adapter_model.safetensors") == true)
    try folder.write("{\"peft_type\": \"LORA\", ", to: "peft/adapter_config.json")
    #expect(refusal(of: folder.file("nothing"))?.contains("no such") == true)
  }
}
