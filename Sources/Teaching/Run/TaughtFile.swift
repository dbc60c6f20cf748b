import DiTCheckpoints
import DiTModels
import DiTTensors
import Foundation

/// Writes adapters in float16 under PEFT's names, with their settings as PEFT and diffusers read them and what they were taught.
enum TaughtFile {
  /// - Throws: `LoadError`, where they are not finite or not pairs of A and B too.
  static func write(_ tensors: [(name: String, tensor: Tensor)], _ record: TaughtRecord, rank: Int, to url: URL) throws {
    var metadata = record.metadata
    metadata["lora_adapter_metadata"] = try settings(tensors, rank: rank)
    var writer = SafetensorsWriter(url, metadata: metadata)
    for (name, tensor) in tensors {
      guard tensor.array.allSatisfy({ abs($0) <= 65_504 }) else {
        throw LoadError.unwritable(file: url.path, reason: "\(name) holds a number that is too large for float16")
      }
      try writer.add(TensorName(name), tensor, as: .f16)
    }
    try writer.write()
  }

  private static let (prefix, down) = ("base_model.model.", ".lora_A.weight")

  /// α is the rank of each layer: what is added is B·A.
  private static func settings(_ tensors: [(name: String, tensor: Tensor)], rank: Int) throws -> String {
    var targets: Set<String> = []
    var others: [String: JSONValue] = [:]
    for (name, tensor) in tensors where name.hasSuffix(down) {
      let layer = name.dropFirst(name.hasPrefix(prefix) ? prefix.count : 0).dropLast(down.count)
      // "attn.qkv" stands for those of all blocks.
      targets.insert(String(layer.replacing(/^blocks\.[0-9]+\./, with: "")))
      if tensor.shape[0] != rank { others[String(layer)] = .number(Double(tensor.shape[0])) }
    }
    let fields: [String: JSONValue] = [
      "transformer.peft_type": .string("LORA"), "transformer.r": .number(Double(rank)),
      "transformer.lora_alpha": .number(Double(rank)), "transformer.rank_pattern": .object(others),
      "transformer.alpha_pattern": .object(others), "transformer.target_modules": .array(targets.sorted().map { .string($0) }),
      "transformer.bias": .string("none"),
    ]
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    return String(decoding: try encoder.encode(JSONValue.object(fields)), as: UTF8.self)
  }
}
