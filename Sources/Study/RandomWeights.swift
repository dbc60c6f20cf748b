import DiTCheckpoints
import DiTModels
import DiTTensors
import DiTTransformer
import Foundation

/// Writes random numbers for every parameter of a network, so that it computes like a trained one though it draws
/// nothing: ``RandomParameters``, in a file.
struct RandomWeights {
  let seed: UInt64

  /// Writes a safetensors file.
  /// - Parameter names: in the file.
  func write(
    _ parameters: [Parameter], to url: URL, as type: ElementType, names: ParameterNames = .official
  ) throws {
    var writer = SafetensorsWriter(url, metadata: ["format": "pt"])
    for parameter in parameters {
      try writer.add(TensorName(names.name(of: parameter.name)), type: type, shape: parameter.shape) { sink in
        try RandomParameters.stream(parameter, seed: seed, as: type, to: sink)
      }
    }
    try writer.write()
  }
}

extension ModelBlueprint {
  /// Numbers in all parts.
  package func parameterCount() throws -> Int {
    try transformer.listing().parameters.reduce(0) { $0 + $1.count }
      + textEncoder.parameterShapes.reduce(0) { $0 + $1.count } + autoencoder.parameterShapes.reduce(0) { $0 + $1.count }
  }

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
        transformer.listing().parameters, to: file("transformer", "diffusion_pytorch_model.safetensors"), as: type,
        names: .ours)
      try weights.write(textEncoder.parameterShapes.map { Parameter($0.name, $0.shape) }, to: file("text_encoder", "model.safetensors"), as: type)
      try weights.write(autoencoder.parameterShapes.map { Parameter($0.name, $0.shape) }, to: file("vae", "diffusion_pytorch_model.safetensors"), as: type)
    }
  }
}

extension DiT {
  /// A model of random weights for measuring.
  package static func random(_ configuration: DiTConfiguration, seed: UInt64 = 0, backend: Backend) throws -> DiT {
    try DiT(configuration, Parameters(RandomParameters(seed: seed), backend: backend))
  }
}
