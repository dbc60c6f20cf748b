import DiTCheckpoints
import DiTTensors

/// An `AutoencoderDC` on disk.
struct DCFiles: AutoencoderKind {
  static let classNames = ["AutoencoderDC"]
  /// An `AutoencoderKL` has a `decoder.norm_out` too under CompVis' names, and `up_blocks` under diffusers', but not both.
  static let marks = ["conv", "conv1", "attn.to_q"].map { ["decoder.norm_out.weight", "decoder.up_blocks.1.0.\($0).weight"] } + [
    ["decoder.project_out.op_list.0.weight"], ["encoder.project_in.conv.weight"], ["encoder.project_in.conv.conv.weight"],
  ]

  private let sizes: AutoencoderDCConfiguration
  /// Under diffusers' names.
  let tensors: Checkpoint
  let assumedScale: Float?
  var configuration: any AutoencoderConfiguration { sizes }

  init?(_ place: AutoencoderPlace) throws {
    guard Self.marks.contains(where: { $0.allSatisfy(place.tensors.contains) }) else { return nil }
    tensors = try place.tensors.withDeepNames()
    guard tensors.contains("decoder.conv_in.weight") else {
      throw AutoencoderError.unknown(path: place.weights.path, found: "an encoder without its decoder")
    }
    let stated = try place.configuration(of: Self.classNames, as: AutoencoderDCConfiguration.self)
    let found = try stated ?? AutoencoderDCConfiguration(tensors: tensors, scaling: place.scaling ?? Self.usualScaling(tensors))
    sizes = place.scaling.map { place.overridesScaling ? found.scaled($0) : found } ?? found
    assumedScale = stated == nil ? sizes.scaling.factor : nil
  }

  func listing() throws -> NetworkListing { try sizes.listing() }

  func load(backend: Backend, encoder: Bool, tiling: Tiling) throws -> any Autoencoder {
    try AutoencoderDC(sizes, checkpoint: tensors, encoder: encoder, tiling: tiling, backend: backend)
  }

  /// Weights do not tell their latents' scale: without batch norms, and with 32 channels, they are SANA's.
  private static func usualScaling(_ tensors: Checkpoint) throws -> LatentScaling {
    let channels = try tensors.matrixShape("decoder.conv_in.weight")[1]
    let isSANA = channels == 32 && !tensors.records.contains { $0.name.string.hasSuffix(".running_mean") }
    guard isSANA else { throw AutoencoderError.scalingUnknown(path: tensors.location, channels: channels) }
    return .sana
  }
}
