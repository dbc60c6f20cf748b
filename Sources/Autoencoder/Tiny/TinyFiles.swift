import DiTCheckpoints
import DiTTensors

/// A tiny autoencoder on disk, in one file or two.
struct TinyFiles: AutoencoderKind {
  static let classNames = ["AutoencoderTiny", "TinyAutoencoder"]
  static let marks = TinyHalves.marks

  private let sizes: TinyAutoencoderConfiguration
  private let decoder: Checkpoint
  private let encoder: Checkpoint?
  var configuration: any AutoencoderConfiguration { sizes }
  var assumedScale: Float? { nil }

  init?(_ place: AutoencoderPlace) throws {
    guard let halves = try TinyHalves(place.tensors) else {
      guard TinyHalves.encoders.contains(where: place.tensors.contains) else { return nil }
      throw AutoencoderError.unknown(path: place.weights.path, found: "an encoder without its decoder")
    }
    (decoder, encoder) = try halves.completed(from: place.weights)
    sizes = try place.configuration(of: Self.classNames, as: TinyAutoencoderConfiguration.self)
      ?? TinyAutoencoderConfiguration(decoder: decoder, encoder: encoder)
  }

  var tensors: Checkpoint {
    get throws {
      let (decoder, encoder) = try (decoder.renamed { "decoder." + $0 }, encoder?.renamed { "encoder." + $0 })
      return try Checkpoint(location: decoder.location, records: decoder.records + (encoder?.records ?? []))
    }
  }

  func listing() throws -> NetworkListing {
    let names = [("decoder.", decoder), ("encoder.", encoder)].flatMap { part, half in
      half?.records.map { part + $0.name.string } ?? []
    }
    return try sizes.listing(encoder: encoder != nil, having: Set(names).contains)
  }

  func load(backend: Backend, encoder wanted: Bool, tiling: Tiling) throws -> any Autoencoder {
    try TinyAutoencoder(sizes, decoder: decoder, encoder: wanted ? encoder : nil, tiling: tiling, backend: backend)
  }
}
