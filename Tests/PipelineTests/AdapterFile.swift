import DiTCheckpoints
import DiTTensors
import DiTTestSupport
import Foundation

/// Writes adapters of random numbers.
enum AdapterFile {
  /// How a program names A and B of a layer.
  struct Style: Sendable {
    var prefix = ""
    var down = ".lora_A.weight", up = ".lora_B.weight"
    var isUnderscored = false

    static let all = [
      Style(prefix: "base_model.model."), Style(prefix: "transformer."), Style(prefix: "unet.base_model.model."),
      Style(prefix: "diffusion_model."), Style(down: ".lora_A.default.weight", up: ".lora_B.default.weight"),
      Style(prefix: "transformer.", down: ".lora.down.weight", up: ".lora.up.weight"),
      Style(prefix: "lora_unet_", down: ".lora_down.weight", up: ".lora_up.weight", isUnderscored: true),
      Style(prefix: "lora_transformer_", down: ".lora_down.weight", up: ".lora_up.weight", isUnderscored: true),
      Style(prefix: "lycoris_", down: ".lora_down.weight", up: ".lora_up.weight", isUnderscored: true),
    ]

    func layer(_ name: String) -> String { prefix + (isUnderscored ? name.replacing(".", with: "_") : name) }
  }

  /// Numbers between -1 and 1.
  static func numbers(_ count: Int, seed: Int) -> [Float] {
    var state = UInt64(truncatingIfNeeded: seed &* 2_654_435_761 &+ 1)
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Float(state >> 40) / Float(1 << 23) - 1
    }
  }

  /// A tensor of such numbers.
  static func random(_ shape: [Int], seed: Int = 0) throws -> Tensor {
    try Tensor(numbers(shape.reduce(1, *), seed: seed), shape)
  }

  static func write(_ tensors: [String: Tensor], to url: URL, metadata: [String: String] = [:]) throws {
    var writer = SafetensorsWriter(url, metadata: metadata)
    for (name, tensor) in tensors { try writer.add(TensorName(name), tensor) }
    try writer.write()
  }

  /// For `MicroModel`.
  static func micro(_ url: URL, seed: Int, metadata: [String: String] = [:]) throws {
    var tensors: [String: Tensor] = [:]
    for block in 0..<2 {
      tensors["transformer.blocks.\(block).attn.qkv.lora_A.weight"] = try random([4, 48], seed: seed + block)
      tensors["transformer.blocks.\(block).attn.qkv.lora_B.weight"] = try random([144, 4], seed: seed + block + 10)
    }
    try write(tensors, to: url, metadata: metadata)
  }
}
