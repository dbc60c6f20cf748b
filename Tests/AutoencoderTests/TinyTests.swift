import DiTAutoencoder
import DiTCheckpoints
import Foundation
import DiTTensors
import DiTTestSupport
import Testing

/// TAESD's own files, which come without a configuration.
@Suite struct TinyTests {
  static let original = Fixtures.url("vae/tiny")

  /// One of TAESD's own files. Its names are diffusers' without their beginning, and the first layer of its decoder, which has
  /// no numbers, counts.
  private static func write(_ half: String, to folder: TemporaryFolder, as name: String) throws {
    let prefix = half + ".layers."
    try folder.write(name, openCheckpoint(at: original)) { name in
      guard name.hasPrefix(prefix) else { return nil }
      let parts = name.dropFirst(prefix.count).split(separator: ".", maxSplits: 1)
      return Int(parts[0]).map { "\($0 + (half == "decoder" ? 1 : 0)).\(parts[1])" }
    }
  }

  @Test func itsTwoFilesAreDiffusersOne() throws {
    let folder = try TemporaryFolder()
    for half in ["encoder", "decoder"] { try Self.write(half, to: folder, as: "taesd_\(half).pth") }
    let whole = try loadAutoencoder(at: Self.original, backend: float32, encoder: true)
    var numbers = Numbers(1)
    let latents = try numbers.tensor([2, whole.latentChannels, 3, 5], scale: 2), image = try numbers.tensor([2, 3, 16, 24])
    for half in ["encoder", "decoder"] {
      let parts = try loadAutoencoder(at: folder.file("taesd_\(half).pth"), backend: float32, encoder: true)
      #expect(parts.latentChannels == whole.latentChannels && parts.scaleFactor == whole.scaleFactor)
      #expect(try parts.decode(latents).array == whole.decode(latents).array)
      #expect(try parts.encode(image).array == whole.encode(image).array)
    }
  }

  /// Both halves in one folder, of one kind of file or two, also beside those of another model.
  @Test(arguments: ["taesd", "taesdxl"]) func aFolderOfHalves(_ stem: String) throws {
    let folder = try TemporaryFolder()
    try Self.write("decoder", to: folder, as: "\(stem)_decoder.pth")
    try Self.write("encoder", to: folder, as: "\(stem)_encoder.safetensors")
    for half in ["encoder", "decoder"] { try folder.write("taef1_\(half).pth", ["0.weight": Tensor([1], [1])]) }
    let whole = try loadAutoencoder(at: Self.original, backend: float32, encoder: true)
    let scaling: LatentScaling? = stem == "taesd" ? nil : .stableDiffusionXL
    let parts = try loadAutoencoder(at: folder.url, backend: float32, encoder: true, scaling: scaling)
    var numbers = Numbers(1)
    let latents = try numbers.tensor([1, whole.latentChannels, 3, 5], scale: 2), image = try numbers.tensor([1, 3, 16, 24])
    #expect(try parts.decode(latents).array == whole.decode(latents).array)
    #expect(try parts.encode(image).array == whole.encode(image).array)
    // And as one file, under names that are read back.
    let source = try AutoencoderSource(folder.url, scaling: scaling)
    try folder.write("one.safetensors", source.tensors) { $0 }
    try folder.write("module.safetensors", source.tensors) { "module." + $0 }
    for name in ["one.safetensors", "module.safetensors"] {
      let one = try loadAutoencoder(at: folder.file(name), backend: float32, encoder: true)
      #expect(try one.encode(image).array == whole.encode(image).array)
    }
  }

  @Test func oneHalfAlone() throws {
    let folder = try TemporaryFolder()
    try Self.write("encoder", to: folder, as: "taesd_encoder.pth")
    let file = folder.file("taesd_encoder.pth")
    expectError("taesd_encoder.pth", "no taesd_decoder.pth") {
      _ = try loadAutoencoder(at: file, backend: float32, encoder: true)
    }
    try Self.write("decoder", to: folder, as: "decodes.pth")
    let model = try loadAutoencoder(at: folder.file("decodes.pth"), backend: float32, encoder: true)
    #expect(throws: AutoencoderError.noEncoder) { try model.encode(try Tensor([1, 3, 8, 8])) }
  }

  /// 4 latent channels of the first TAESD, 16 of Flux and SD 3, 32 of the newest, which pools.
  @Test(arguments: [(4, false), (16, false), (32, true), (4, true)])
  func allMembersOfTheFamily(latents: Int, pooled: Bool) throws {
    let folder = try TemporaryFolder()
    let tiny = try SyntheticTiny(channels: [12, 8, 8, 6], blocks: [2, 1, 2, 1], latents: latents, pooled: pooled)
    let file = try folder.write("taexl.safetensors", tiny.tensors)
    let model = try loadAutoencoder(at: file, backend: float32, encoder: false)
    #expect(model.latentChannels == latents && model.scaleFactor == 8)
    var numbers = Numbers(2)
    let z = try numbers.tensor([1, latents, 3, 5], scale: 2)
    try expect(model.decode(z), matches: tiny.decoded(z), nmse: 1e-11, relative: 1e-5)
  }

  @Test(arguments: [false, true])
  func tilesAreTheWhole(pooled: Bool) throws {
    let folder = try TemporaryFolder()
    let tiny = try SyntheticTiny(channels: [12, 8, 8, 6], blocks: [1, 1, 2, 1], latents: 4, pooled: pooled)
    let file = try folder.write("taesd.safetensors", tiny.tensors)
    var numbers = Numbers(4)
    let z = try numbers.tensor([2, 4, 29, 43], scale: 2)
    for backend in [float32, bfloat16] {
      let whole = try loadAutoencoder(at: file, backend: backend, encoder: false, tiling: .never).decode(z)
      for side in [32, 104, 232] {
        let tiles = try loadAutoencoder(at: file, backend: backend, encoder: false, tiling: .side(side)).decode(z)
        #expect(tiles.shape == whole.shape && tiles.array == whole.array, "tiles of \(side)")
      }
    }
  }

  @Test func encodingInTilesIsTheWhole() throws {
    var numbers = Numbers(6)
    let image = try numbers.tensor([2, 3, 232, 344])
    for backend in [float32, bfloat16] {
      let whole = try loadAutoencoder(at: Self.original, backend: backend, encoder: true, tiling: .never).encode(image)
      for side in [40, 128] {
        let tiled = try loadAutoencoder(at: Self.original, backend: backend, encoder: true, tiling: .side(side))
        let tiles = try tiled.encode(image)
        #expect(tiles.shape == whole.shape && tiles.array == whole.array, "tiles of \(side)")
      }
    }
  }
}
