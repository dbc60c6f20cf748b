import DiTCheckpoints
import DiTTensors

/// An `AutoencoderKL` on disk.
struct KLFiles: AutoencoderKind {
  static let classNames = ["AutoencoderKL"]
  static let marks = [["decoder.conv_in.weight"], ["encoder.conv_in.weight"]]

  private let sizes: AutoencoderKLConfiguration
  /// Under diffusers' names.
  let tensors: Checkpoint
  let assumedScale: Float?
  var configuration: any AutoencoderConfiguration { sizes }

  init?(_ place: AutoencoderPlace) throws {
    func other(_ found: String) -> AutoencoderError { .unknown(path: place.weights.path, found: found) }
    guard !place.tensors.contains("quantize.embedding.weight") else {
      throw other("a VQ autoencoder, which holds codes, not latents")
    }
    guard place.tensors.contains("decoder.conv_in.weight") else {
      guard place.tensors.contains("encoder.conv_in.weight") else { return nil }
      throw other("an encoder without its decoder")
    }
    tensors = try place.tensors.withDiffusersNames()
    let stated = try place.configuration(of: Self.classNames, as: AutoencoderKLConfiguration.self)
    let found = try stated ?? AutoencoderKLConfiguration(
      tensors: tensors, scaling: place.scaling ?? Self.usualScaling(place, tensors), groups: place.statedGroups ?? 32)
    sizes = place.scaling.map { place.overridesScaling ? found.scaled($0) : found } ?? found
    assumedScale = stated == nil ? sizes.scaling.factor : nil
  }

  func listing() throws -> NetworkListing { try sizes.listing() }

  func load(backend: Backend, encoder: Bool, tiling: Tiling) throws -> any Autoencoder {
    try AutoencoderKL(sizes, checkpoint: tensors, encoder: encoder, tiling: tiling, backend: backend)
  }

  /// Weights do not tell their latents' scale; four channels are Stable Diffusion's unless SDXL's text encoders lie
  /// beside them, or the name says SDXL.
  private static func usualScaling(_ place: AutoencoderPlace, _ tensors: Checkpoint) throws -> LatentScaling {
    let isXL = place.all.records.contains { $0.name.hasPrefix("conditioner.embedders.") }
      || place.all.metadata.values.contains { $0.contains("stable-diffusion-xl") }
    if isXL || AutoencoderSource.isCalledXL(place.weights) { return .stableDiffusionXL }
    let channels = try tensors.matrixShape("decoder.conv_in.weight")[1]
    guard channels == 4 else { throw AutoencoderError.scalingUnknown(path: place.all.location, channels: channels) }
    return .stableDiffusion
  }
}
