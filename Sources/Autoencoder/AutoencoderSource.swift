import DiTCheckpoints
import DiTTensors
import Foundation

/// An autoencoder on disk, recognised by what its configuration or its tensors say, before its numbers are read.
///
/// Known are folders with a `config.json` (of diffusers or of ours) and weights; model folders with such a `vae` folder
/// in them; and single files: `AutoencoderKL` under diffusers' or CompVis' names, also inside a whole Stable Diffusion
/// checkpoint; `AutoencoderDC` under diffusers' or its authors' names; `AutoencoderTiny`; and one of TAESD's
/// two files, whose other half is looked for beside it, or a folder with both.
package struct AutoencoderSource: Sendable {
  /// The kinds of autoencoders that this program runs, in the order in which they are looked for.
  static let kinds: [any AutoencoderKind.Type] = [DCFiles.self, KLFiles.self, TinyFiles.self]

  private let files: any AutoencoderKind

  /// `scaling_factor` that its configuration tells, where the model's latents have another.
  package let overriddenScale: Float?
  /// Of the model's latents, where the files have nothing to tell: of TAESD's family.
  private let tinyFactor: Float?
  package var configuration: any AutoencoderConfiguration { files.configuration }
  /// What `scaling_factor` was taken for because no configuration tells it; nil where one does, or none is needed.
  package var assumedScale: Float? { files.assumedScale }
  /// Its tensors by names under which one file holds them.
  package var tensors: Checkpoint { get throws { try files.tensors } }
  package var latentChannels: Int { configuration.latentChannels }
  /// Pixels along one side of a latent.
  package var scaleFactor: Int { configuration.scaleFactor }

  /// - Parameters:
  ///   - scaling: of the latents to be decoded, for files that do not tell: that of the model's own autoencoder. nil takes
  ///     Stable Diffusion's or SDXL's where the file leaves no other choice.
  ///   - overriding: whether the latents have that scaling whatever the files tell.
  /// - Throws: ``AutoencoderError``, `LoadError` or `ConfigurationError`: one line naming the file.
  package init(_ url: URL, scaling: LatentScaling? = nil, overriding: Bool = false) throws {
    let place = try AutoencoderPlace(url, scaling: scaling, overriding: overriding)
    let stated = overriding ? try AutoencoderSource.statedScale(at: url) : nil
    overriddenScale = stated == scaling?.factor ? nil : stated
    for kind in Self.kinds {
      guard let found = try kind.init(place) else { continue }
      files = found
      let isTiny = overriding && kind == TinyFiles.self
      tinyFactor = isTiny ? scaling.map { LatentScaling.stableDiffusion.factor / $0.factor } : nil
      return
    }
    let first = place.tensors.records.first.map { "its first tensor is \($0.storedName)" } ?? "it holds no tensors"
    throw AutoencoderError.unknown(path: place.weights.path, found: "no autoencoder (\(first))")
  }

  /// Its parameters, and what decoding takes; the encoder's work is not part of drawing from words.
  package func listing() throws -> NetworkListing { try files.listing() }

  /// Reads and packs the weights.
  /// - Parameter encoder: whether to load the encoder too, where there is one.
  /// - Throws: `LoadError` naming the missing, misshapen or unexpected tensor.
  package func load(backend: Backend, encoder: Bool, tiling: Tiling = .automatic) throws -> any Autoencoder {
    let loaded = try files.load(backend: backend, encoder: encoder, tiling: tiling)
    return tinyFactor.map { RescaledAutoencoder(inner: loaded, factor: $0) } ?? loaded
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

extension AutoencoderSource {
  /// `scaling_factor` of the latents that an autoencoder decodes, as its configuration tells; where it has none, SDXL's if it
  /// is called SDXL's.
  /// - Throws: `ConfigurationError`.
  package static func statedScale(at url: URL) throws -> Float? {
    struct Scaled: Decodable {
      let className: String?, factor: Float?
      enum CodingKeys: String, CodingKey { case className = "_class_name", factor = "scaling_factor" }
    }
    var isFolder: ObjCBool = false
    _ = FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder)
    let places = isFolder.boolValue ? [url.appendingPathComponent("vae"), url] : [url.deletingLastPathComponent()]
    let files = places.map { $0.appendingPathComponent("config.json") }
    if let file = files.first(where: isThere) {
      let found = try readConfiguration(Scaled.self, at: file)
      if let name = found.className, KLFiles.classNames.contains(name) {
        return found.factor ?? LatentScaling.stableDiffusion.factor
      }
    }
    return isCalledXL(url) ? LatentScaling.stableDiffusionXL.factor : nil
  }

  /// The autoencoders of Stable Diffusion and SDXL have the same tensors; a file that has lost its configuration may still
  /// say in its name, or its repository's, whose it is.
  static func isCalledXL(_ url: URL) -> Bool {
    ([url.lastPathComponent] + url.pathComponents.filter { $0.hasPrefix("models--") }).contains {
      $0.firstMatch(of: /sd[-_]?xl|xl[-_. ]?vae|vae[-_. ]?xl/.ignoresCase()) != nil
    }
  }
}
