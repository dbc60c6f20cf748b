import DiTCheckpoints
import Foundation
import DiTTensors
import DiTTransformer

/// Which transformer a model has, and how it is configured.
package enum TransformerDescription: Sendable {
  /// DiT: official, diffusers', or this project's own with text.
  case dit(DiTConfiguration)
  /// PixArt-α or -Σ.
  case pixArt(PixArtConfiguration)
  case uvit(UViTConfiguration)

  package var patchSize: Int {
    switch self {
    case .dit(let configuration): configuration.patchSize
    case .pixArt(let configuration): configuration.patchSize
    case .uvit(let configuration): configuration.patchSize
    }
  }

  package var latentChannels: Int {
    switch self {
    case .dit(let configuration): configuration.inChannels
    case .pixArt(let configuration): configuration.inChannels
    case .uvit(let configuration): configuration.inChannels
    }
  }

  /// The native latent size [height, width].
  package var sampleSize: [Int] {
    switch self {
    case .dit(let configuration): configuration.sampleSize
    case .pixArt(let configuration): [configuration.sampleSize, configuration.sampleSize]
    case .uvit(let configuration): [configuration.sampleSize, configuration.sampleSize]
    }
  }

  /// Classes that can be asked for, the null class not counted; 0: it knows none.
  package var classes: Int {
    switch self {
    case .dit(let configuration): configuration.classes
    case .pixArt: 0
    case .uvit(let configuration): max(0, (configuration.classes ?? 1) - 1)
    }
  }

  /// Width of the text states it reads; nil: no text.
  package var textSize: Int? {
    switch self {
    case .dit(let configuration): configuration.textSize
    case .pixArt(let configuration): configuration.captionSize
    case .uvit(let configuration): configuration.text?.width
    }
  }

  package var depth: Int {
    switch self {
    case .dit(let configuration): configuration.depth
    case .pixArt(let configuration): configuration.depth
    case .uvit(let configuration): configuration.depth + 1
    }
  }

  package var hiddenSize: Int {
    switch self {
    case .dit(let configuration): configuration.hiddenSize
    case .pixArt(let configuration): configuration.hiddenSize
    case .uvit(let configuration): configuration.hiddenSize
    }
  }

  /// Class-conditional without text: what is trained on ImageNet and guided as its authors do.
  package var isClassConditional: Bool { classes > 0 && textSize == nil }

  // MARK: reading

  /// From a `config.json`, by its `_class_name` alone.
  /// - Throws: `ConfigurationError`, or ``ModelError/unsupported(path:found:)``.
  init(configuration url: URL, compatibility: DiTCompatibility?) throws {
    let fields = try readConfiguration(JSONValue.self, at: url)
    let name = fields["_class_name"]?.string ?? "a configuration without _class_name"
    // Before diffusers had classes of their own for them, both were a Transformer2DModel.
    switch (name, fields["norm_type"]?.string) {
    case ("DiTTextTransformer2DModel", _): self = .dit(try readConfiguration(DiTConfiguration.self, at: url))
    case ("DiT", _):
      self = .dit(try readConfiguration(DiTConfiguration.self, at: url).following(compatibility ?? .official))
    case ("DiTTransformer2DModel", _), ("Transformer2DModel", "ada_norm_zero"):
      let theirs = try readConfiguration(DiffusersDiTConfiguration.self, at: url)
      self = .dit(theirs.configuration(compatibility ?? .diffusers))
    case ("PixArtTransformer2DModel", _), ("Transformer2DModel", "ada_norm_single"):
      self = .pixArt(try readConfiguration(PixArtConfiguration.self, at: url))
    case ("UViT", _):
      var configuration = try readConfiguration(UViTConfiguration.self, at: url)
      configuration.timestepOffset = 1
      self = .uvit(configuration)
    default: throw ModelError.unsupported(path: url.path, found: name)
    }
  }

  /// Loads the weights, under whichever names the checkpoint has them.
  package func load(_ checkpoint: Checkpoint, backend: Backend) throws -> any DiffusionTransformer {
    let official = checkpoint.contains("x_embedder.proj.weight")
    switch self {
    case .dit(let configuration):
      let names: ParameterNames = configuration.textSize != nil ? .ours : official ? .official : .diffusers
      return try DiT(configuration, checkpoint: checkpoint, names: names, backend: backend)
    case .pixArt(let configuration):
      return try PixArt(
        configuration, checkpoint: checkpoint, names: official ? .official : .diffusersPixArt, backend: backend)
    case .uvit(let configuration): return try UViT(configuration, checkpoint: checkpoint, backend: backend)
    }
  }
}
