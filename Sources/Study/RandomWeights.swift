import DiTCheckpoints
import DiTModels
import DiTTensors
import DiTTransformer
import Foundation

/// Random numbers for every parameter of a model, so that it computes like a trained one though it draws nothing.
///
/// Matrices have unit gain (variance 1 / inputs) and gates lie around a half, so that every branch counts and nothing
/// overflows at any depth. A number depends on the seed, the parameter's name and its place alone.
struct RandomWeights {
  let seed: UInt64

  /// Writes a safetensors file.
  /// - Parameter renamed: the name in the file of a parameter.
  package func write(
    _ shapes: [ParameterShape], to url: URL, as type: ElementType, renamed: (String) -> String = { $0 }
  ) throws {
    var writer = SafetensorsWriter(url, metadata: ["format": "pt"])
    for shape in shapes {
      // A weight without further dimensions is a norm's; matrices' biases come in the type of their matrices.
      try writer.add(TensorName(renamed(shape.name)), type: type, shape: shape.shape) { sink in
        try stream(shape, as: type, to: sink)
      }
    }
    try writer.write()
  }

  /// In pieces, so that no model is too large.
  private func stream(_ shape: ParameterShape, as type: ElementType, to sink: (UnsafeRawBufferPointer) throws -> Void)
    throws
  {
    guard type.holdsWeights, type != .i8 else { return }
    let (deviation, offset) = RandomWeights.distribution(of: shape)
    // FNV-1a of the name, and then SplitMix64 (Steele et al. 2014) over the places.
    var state = shape.name.utf8.reduce(0xcbf2_9ce4_8422_2325 ^ seed) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    let reach = deviation * Float(3).squareRoot()  // of a uniform distribution with this deviation
    var numbers = [Float](repeating: 0, count: min(1 << 16, max(1, shape.count)))
    var bytes = [UInt8](repeating: 0, count: numbers.count * type.size)
    for start in stride(from: 0, to: shape.count, by: numbers.count) {
      let length = min(numbers.count, shape.count - start)
      for index in 0..<length {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        let uniform = Float((z ^ (z >> 31)) >> 40) * 0x1p-23 - 1  // [−1, 1)
        numbers[index] = offset(start + index) + reach * uniform
      }
      bytes.withUnsafeMutableBytes { type.encode(numbers[..<length], into: $0) }
      try bytes.withUnsafeBytes { try sink(UnsafeRawBufferPointer(rebasing: $0[..<(length * type.size)])) }
    }
  }

  /// Standard deviation of a parameter, and the mean at each of its places.
  private static func distribution(of parameter: ParameterShape) -> (deviation: Float, offset: (Int) -> Float) {
    let name = parameter.name
    let inputs = Float(max(1, parameter.shape.dropFirst().reduce(1, *)))
    let gain = 1 / inputs.squareRoot()
    let zero = { (_: Int) -> Float in 0 }
    if name.contains("adaLN_modulation") {
      guard name.hasSuffix(".bias") else { return (0.2 * gain, zero) }
      // Chunks of shift, scale, gate, shift, scale, gate: the gates of adaLN-Zero open half.
      let rows = parameter.count
      let isGated = name.hasPrefix("blocks.") && rows % 6 == 0
      return (0.05, { isGated && $0 / (rows / 6) % 3 == 2 ? 0.5 : 0 })
    }
    if name.contains("layers.") {  // the autoencoder
      let isLast = parameter.shape.first == 3 && name.hasPrefix("decoder")
      if name.hasSuffix(".bias") { return (0.05, { _ in isLast ? 0.5 : 0 }) }
      // Before a ReLU √2 keeps the power; the branch of a residual block adds half.
      return ((isLast ? 0.3 : name.contains("conv.4") ? 0.5 : 1.414) * gain, zero)
    }
    if parameter.shape.count == 1 { return name.hasSuffix(".bias") ? (0.05, zero) : (0.05, { _ in 1 }) }
    if name == "shared.weight" || name.hasPrefix("y_embedder") || name.contains("relative_attention_bias") {
      return (1, zero)
    }
    // T5 does not divide its scores by the root of the head size: its queries are that much smaller.
    return name.contains("SelfAttention.q") ? (0.2 * gain, zero) : (gain, zero)
  }
}

extension ModelBlueprint {
  /// Writes a complete model folder of random weights, which appears whole or not at all.
  /// - Parameters:
  ///   - type: `.f32`, `.f16` or `.bf16`.
  ///   - tokenizer: the `spiece.model` to copy.
  /// - Throws: ``ConversionError``, `LoadError`.
  package func write(to target: URL, seed: UInt64, type: ElementType = .f16, tokenizer: URL) throws {
    try NewFolder.write(target) { folder in
      for (path, data) in files {
        let url = folder.appendingPathComponent(path)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try data.write(to: url)
      }
      try Data(contentsOf: tokenizer.resolvingSymlinksInPath())
        .write(to: folder.appendingPathComponent("tokenizer/spiece.model"))
      let weights = RandomWeights(seed: seed)
      let file = { (part: String, name: String) in folder.appendingPathComponent(part).appendingPathComponent(name) }
      try weights.write(
        transformer.parameterShapes, to: file("transformer", "diffusion_pytorch_model.safetensors"), as: type
      ) { ParameterNames.ours.name(of: $0) }
      try weights.write(textEncoder.parameterShapes, to: file("text_encoder", "model.safetensors"), as: type)
      try weights.write(autoencoder.parameterShapes, to: file("vae", "diffusion_pytorch_model.safetensors"), as: type)
    }
  }
}

extension DiT {
  /// A model of random weights for measuring; its file is gone when it is loaded.
  package static func random(_ configuration: DiTConfiguration, seed: UInt64 = 0, backend: Backend) throws -> DiT {
    let url = FileManager.default.temporaryDirectory
      .appendingPathComponent("dit-t2i-\(ProcessInfo.processInfo.processIdentifier)-\(seed).safetensors")
    defer { try? FileManager.default.removeItem(at: url) }
    try RandomWeights(seed: seed).write(configuration.parameterShapes, to: url, as: .bf16)
    return try DiT(configuration, checkpoint: openCheckpoint(at: url), names: .official, backend: backend)
  }
}
