import DiTCheckpoints
import Foundation
import DiTTensors

/// An autoencoder on disk, recognised by what its configuration or its tensors say, before its numbers are read.
///
/// Known are folders with a `config.json` (of diffusers or of ours) and weights; model folders with such a `vae` folder
/// in them; and single files: `AutoencoderKL` under diffusers' or CompVis' names, also inside a whole Stable Diffusion
/// checkpoint; `AutoencoderTiny`; and one of TAESD's two files, whose other half is looked for beside it.
package struct AutoencoderSource: Sendable {
  package enum Kind: Sendable {
    case kl(AutoencoderKLConfiguration)
    case tiny(TinyAutoencoderConfiguration)
  }

  package let kind: Kind
  private let decoder: Checkpoint
  private let encoder: Checkpoint?

  package var latentChannels: Int {
    switch kind {
    case .kl(let configuration): configuration.latentChannels
    case .tiny(let configuration): configuration.latentChannels
    }
  }

  /// Pixels along one side of a latent.
  package var scaleFactor: Int {
    switch kind {
    case .kl(let configuration): configuration.scaleFactor
    case .tiny(let configuration): configuration.scaleFactor
    }
  }

  /// - Parameter scaling: of the latents to be decoded, for files that do not tell: that of the model's own
  ///   autoencoder. nil takes Stable Diffusion's or SDXL's where the file leaves no other choice.
  /// - Throws: ``AutoencoderError``, `LoadError` or `ConfigurationError`: one line naming the file.
  package init(_ url: URL, scaling: LatentScaling? = nil) throws {
    let place = try Place(url)
    let all = try openCheckpoint(at: place.weights)
    var tensors = all
    for prefix in ["first_stage_model.", "vae."] {
      let inner = all.scoped(prefix)
      if !inner.records.isEmpty { tensors = inner }
    }
    switch try Content(tensors) {
    case .kl:
      decoder = try tensors.withDiffusersNames()
      encoder = nil
      if let file = try place.configuration(of: ["AutoencoderKL"]) {
        kind = .kl(try readConfiguration(AutoencoderKLConfiguration.self, at: file))
      } else {
        let scaling = try scaling ?? Self.usualScaling(all, decoder: decoder)
        kind = .kl(try AutoencoderKLConfiguration(tensors: decoder, scaling: scaling))
      }
    case .tiny(let halves):
      (decoder, encoder) = try halves.completed(from: place.weights)
      if let file = try place.configuration(of: ["AutoencoderTiny", "TinyAutoencoder"]) {
        kind = .tiny(try readConfiguration(TinyAutoencoderConfiguration.self, at: file))
      } else {
        kind = .tiny(try TinyAutoencoderConfiguration(decoder: decoder, encoder: encoder))
      }
    case .other(let found): throw AutoencoderError.unknown(path: place.weights.path, found: found)
    }
  }

  /// Reads and packs the weights.
  /// - Parameter encoder: whether to load the encoder too, where there is one.
  /// - Throws: `LoadError` naming the missing, misshapen or unexpected tensor.
  package func load(backend: Backend, encoder wanted: Bool, tiling: Tiling = .automatic) throws -> any Autoencoder {
    switch kind {
    case .kl(let configuration):
      try AutoencoderKL(configuration, checkpoint: decoder, encoder: wanted, tiling: tiling, backend: backend)
    case .tiny(let configuration):
      try TinyAutoencoder(
        configuration, decoder: decoder, encoder: wanted ? encoder : nil, tiling: tiling, backend: backend)
    }
  }

  /// Weights do not tell their latents' scale; four channels are Stable Diffusion's unless SDXL's text encoders lie
  /// beside them.
  private static func usualScaling(_ all: Checkpoint, decoder: Checkpoint) throws -> LatentScaling {
    if all.records.contains(where: { $0.name.hasPrefix("conditioner.embedders.") }) { return .stableDiffusionXL }
    let channels = try decoder.matrixShape("decoder.conv_in.weight")[1]
    guard channels == 4 else { throw AutoencoderError.scalingUnknown(path: all.location, channels: channels) }
    return .stableDiffusion
  }
}

/// Loads any autoencoder that ``AutoencoderSource`` knows.
/// - Parameters:
///   - encoder: whether to load the encoder too, where there is one.
///   - scaling: see ``AutoencoderSource/init(_:scaling:)``.
/// - Throws: one-line errors naming the file and the tensor.
package func loadAutoencoder(
  at url: URL, backend: Backend, encoder: Bool, tiling: Tiling = .automatic, scaling: LatentScaling? = nil
) throws -> any Autoencoder {
  try AutoencoderSource(url, scaling: scaling).load(backend: backend, encoder: encoder, tiling: tiling)
}

/// Where the weights lie, and the `config.json` beside them.
private struct Place {
  let weights: URL
  private let configuration: URL?
  private let isFolder: Bool

  init(_ url: URL) throws {
    func file(_ path: String, in folder: URL) -> URL? {
      let file = folder.appendingPathComponent(path)
      return FileManager.default.fileExists(atPath: file.path) ? file : nil
    }
    var folder: ObjCBool = false
    isFolder = FileManager.default.fileExists(atPath: url.path, isDirectory: &folder) && folder.boolValue
    if !isFolder {
      (weights, configuration) = (url, file("config.json", in: url.deletingLastPathComponent()))
    } else if let inner = file("vae/config.json", in: url) {
      (weights, configuration) = (inner.deletingLastPathComponent(), inner)
    } else {
      (weights, configuration) = (url, file("config.json", in: url))
    }
    guard isFolder, let configuration, let name = try className(configuration) else { return }
    guard known.contains(name) else {
      throw AutoencoderError.unknown(path: configuration.path, found: "describes \"\(name.prefix(60))\"")
    }
  }

  /// The configuration, if it describes one of these classes. In a folder it must; beside a file it may be another's.
  func configuration(of classes: Set<String>) throws -> URL? {
    guard let configuration else { return nil }
    let name = try className(configuration)
    if let name, classes.contains(name) { return configuration }
    guard isFolder else { return nil }
    throw AutoencoderError.unknown(
      path: configuration.path,
      found: "\(name ?? "no _class_name"), but the tensors are those of \(classes.min() ?? "")")
  }
}

private let known: Set<String> = ["AutoencoderKL", "AutoencoderTiny", "TinyAutoencoder"]

/// `_class_name` of a configuration.
private func className(_ file: URL) throws -> String? {
  struct Named: Decodable {
    let className: String?
    enum CodingKeys: String, CodingKey { case className = "_class_name" }
  }
  return try readConfiguration(Named.self, at: file).className
}
