import DiTAutoencoder
import DiTCheckpoints
import Foundation
import DiTTensors
import DiTTestSupport
import Testing

/// `AutoencoderKL` under its different names, without a configuration, and in tiles.
@Suite struct KLTests {
  static let original = Fixtures.url("vae/kl-b")

  // MARK: names

  @Test func allNamesLoadTheSame() throws {
    let folder = try TemporaryFolder()
    let weights = try openCheckpoint(at: Self.original)
    let compVis = try Self.compVis(weights, in: folder)
    let table = try readConfiguration(
      [String: String].self, at: Self.original.appendingPathComponent("old-attention-names.json"))
    let old = Dictionary(uniqueKeysWithValues: table.map { ($1, $0) })
    try folder.copy(Self.original.appendingPathComponent("config.json"))
    try folder.write("compvis.safetensors", compVis) { $0 }
    try folder.write("stable-diffusion.safetensors", compVis) { "first_stage_model." + $0 }
    try folder.write("old.safetensors", weights) { old[$0] ?? $0 }
    #expect(table.keys.allSatisfy { !weights.contains($0) })

    var numbers = Numbers(7)
    let z = try numbers.tensor([1, 4, 3, 5]), image = try numbers.tensor([1, 3, 16, 24])
    let model = try loadAutoencoder(at: Self.original, backend: float32, encoder: true)
    for name in ["compvis", "stable-diffusion", "old"] {
      let other = try loadAutoencoder(at: folder.file(name + ".safetensors"), backend: float32, encoder: true)
      #expect(try other.decode(z).array == model.decode(z).array, "\(name)")
      #expect(try other.encode(image).array == model.encode(image).array, "\(name)")
    }
  }

  /// The same tensors under CompVis' names; its attention is made of 1×1 convolutions.
  private static func compVis(_ weights: Checkpoint, in folder: TemporaryFolder) throws -> Checkpoint {
    let names = try readConfiguration([String: String].self, at: original.appendingPathComponent("ldm-names.json"))
    var writer = SafetensorsWriter(folder.file("ldm.safetensors"))
    for record in weights.records {
      let parts = record.name.string.split(separator: ".")
      let module = parts.dropLast().joined(separator: ".")
      let tensor = try weights.tensor(record.name.string)
      let shape = module.contains(".attentions.") && tensor.shape.count == 2 ? tensor.shape + [1, 1] : tensor.shape
      try writer.add(TensorName("\(names[module] ?? module).\(parts[parts.count - 1])"), tensor.reshaped(shape))
    }
    try writer.write()
    return try openCheckpoint(at: folder.file("ldm.safetensors"))
  }

  @Test func aModelFolderHasItInside() throws {
    let folder = try TemporaryFolder()
    try folder.copy(Self.original, as: "vae")
    #expect(try AutoencoderSource(folder.url).latentChannels == 4)
  }

  // MARK: without a configuration

  @Test func sizesAreReadOffTheTensors() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("vae.safetensors", SyntheticKL(channels: [32, 32, 64], layers: 2).tensors)
    let source = try AutoencoderSource(file)
    let sizes = try #require(source.configuration as? AutoencoderKLConfiguration)
    #expect(sizes.channels == [32, 32, 64] && sizes.layersPerBlock == 2 && sizes.groups == 32)
    #expect(sizes.scaling == .stableDiffusion && source.scaleFactor == 4)
    let model = try source.load(backend: float32, encoder: true)
    #expect(try model.decode(try Tensor([1, 4, 2, 3])).shape == [1, 3, 8, 12])
  }

  @Test func scalesOfLatents() throws {
    let folder = try TemporaryFolder()
    let plain = try SyntheticKL(channels: [32], layers: 1, quant: false)
    var numbers = Numbers(8)
    let z = try numbers.tensor([1, 4, 4, 3])
    func decoded(_ tensors: [String: Tensor], _ scaling: LatentScaling?, _ times: Float) throws -> [Float] {
      let model = try loadAutoencoder(
        at: folder.write("vae.safetensors", tensors), backend: float32, encoder: false, scaling: scaling)
      return try model.decode(try Tensor(z.array.map { $0 * times }, z.shape)).array
    }
    let expected = try decoded(plain.tensors, nil, 0.18215)
    var xl = Dictionary(uniqueKeysWithValues: plain.tensors.map { ("first_stage_model." + $0, $1) })
    xl["conditioner.embedders.0.w"] = try Tensor([1])
    for (what, actual) in [
      ("SDXL", try decoded(xl, nil, 0.13025)), ("given", try decoded(plain.tensors, LatentScaling(factor: 2), 2)),
    ] {
      expect(try Tensor(actual, [actual.count]), matches: try Tensor(expected, [expected.count]), what)
    }
    let shifted = LatentScaling(factor: 0.5, shift: 0.1, mean: [0, 1, 2, 3], std: [1, 2, 3, 4])
    let there = try shifted.unscaled(z).array
    let area = 12
    for (i, value) in there.enumerated() {
      let c = Float(i / area)
      #expect(abs(value - (z.array[i] / 0.5 * (c + 1) + c + 0.1)) < 1e-5)
    }
    try expect(shifted.scaled(shifted.unscaled(z)), matches: z)
    expectError("16-channel", "config.json") {
      _ = try AutoencoderSource(
        folder.write("flux.safetensors", SyntheticKL(channels: [32], layers: 1, latents: 16, quant: false).tensors))
    }
  }

  @Test func extremeVariancesAreClamped() throws {
    let folder = try TemporaryFolder()
    var kl = try SyntheticKL(channels: [32], layers: 1)
    kl["quant_conv.bias"] = try Tensor([0, 0, 0, 0, 1_000, -1_000, 0, 0], [8])
    let file = try folder.write("vae.safetensors", kl.tensors)
    let model = try #require(try loadAutoencoder(at: file, backend: float32, encoder: true) as? AutoencoderKL)
    let moments = try model.distribution(of: try Tensor([1, 3, 2, 2]))
    #expect(moments.logVariance.array[0..<4].allSatisfy { $0 == 20 })
    #expect(moments.logVariance.array[4..<8].allSatisfy { $0 == -30 })
    #expect(try moments.mean.array.allSatisfy(\.isFinite) && moments.standardDeviation().array.allSatisfy(\.isFinite))
  }

  // MARK: tiles

  /// diffusers' `tiled_decode`, written again over whole planes.
  @Test func tilesAreBlendedAsInDiffusers() throws {
    var numbers = Numbers(9)
    let (height, width, tile) = (19, 27, 12)
    let z = try numbers.tensor([1, 4, height, width])
    let whole = try loadAutoencoder(at: Self.original, backend: float32, encoder: false, tiling: .never)
    let tiled = try loadAutoencoder(at: Self.original, backend: float32, encoder: false, tiling: .side(tile * 8))

    let (step, extent) = (tile * 3 / 4, tile * 8 / 4)
    var rows: [[(image: [Float], height: Int, width: Int)]] = []
    var expected = [Float](repeating: .nan, count: 3 * height * 8 * width * 8)
    for (i, top) in stride(from: 0, to: height, by: step).enumerated() {
      rows.append([])
      for (j, left) in stride(from: 0, to: width, by: step).enumerated() {
        let (h, w) = (min(tile, height - top), min(tile, width - left))
        let part = (0..<4 * h * w).map { n in z.array[(n / (h * w) * height + top + n / w % h) * width + left + n % w] }
        var image = try whole.decode(try Tensor(part, [1, 4, h, w])).array
        let (H, W) = (h * 8, w * 8)
        func fade(_ other: (image: [Float], height: Int, width: Int), vertical: Bool) {
          let e = vertical ? min(other.height, H, extent) : min(other.width, W, extent)
          for c in 0..<3 {
            for y in 0..<(vertical ? e : H) {
              for x in 0..<(vertical ? W : e) {
                let (sy, sx) = vertical ? (other.height - e + y, x) : (y, other.width - e + x)
                let share = Float(vertical ? y : x) / Float(e), at = (c * H + y) * W + x
                image[at] = other.image[(c * other.height + sy) * other.width + sx] * (1 - share) + image[at] * share
              }
            }
          }
        }
        if i > 0 { fade(rows[i - 1][j], vertical: true) }
        if j > 0 { fade(rows[i][j - 1], vertical: false) }
        rows[i].append((image, H, W))
        for c in 0..<3 {
          for y in 0..<min(H, step * 8) {
            for x in 0..<min(W, step * 8) {
              expected[(c * height * 8 + i * step * 8 + y) * width * 8 + j * step * 8 + x] = image[(c * H + y) * W + x]
            }
          }
        }
      }
    }
    #expect(rows.count == 3 && rows[0].count == 3)
    try expect(tiled.decode(z), matches: try Tensor(expected, [1, 3, height * 8, width * 8]), nmse: 1e-12, relative: 1e-5)
    #expect(try tiled.decode(z).array != whole.decode(z).array)
  }

  @Test func tilesOfOnePictureAreTheWhole() throws {
    var numbers = Numbers(10)
    let z = try numbers.tensor([2, 4, 4, 7]), image = try numbers.tensor([1, 3, 48, 160])
    let whole = try loadAutoencoder(at: Self.original, backend: float32, encoder: true, tiling: .never)
    let tiled = try loadAutoencoder(at: Self.original, backend: float32, encoder: true, tiling: .side(64))
    #expect(try tiled.decode(z).array == whole.decode(z).array)
    let (a, b) = (try tiled.encode(image), try whole.encode(image))
    #expect(a.shape == b.shape && a.array != b.array && a.array.allSatisfy(\.isFinite))
  }
}
