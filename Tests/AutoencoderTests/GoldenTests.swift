import DiTAutoencoder
import DiTCheckpoints
import Foundation
import DiTTensors
import DiTTestSupport
import Testing

/// Both autoencoders against diffusers' own outputs.
@Suite struct GoldenTests {
  /// The case files there are, of whichever sizes.
  static let cases: [String] = {
    let folders = (try? FileManager.default.contentsOfDirectory(atPath: Fixtures.url("vae").path)) ?? []
    return folders.sorted().flatMap { ["\($0)/decode.safetensors", "\($0)/encode.safetensors"] }
      .filter { FileManager.default.fileExists(atPath: Fixtures.url("vae/" + $0).path) }
  }()

  @Test func casesAreThere() { #expect(Self.cases.count >= 4) }

  @Test(arguments: cases)
  func everyTensor(_ path: String) throws {
    let url = Fixtures.url("vae/" + path), file = try openCheckpoint(at: url)
    let results = try results(of: url.deletingLastPathComponent(), on: file, float32)
    var compared = 0
    for record in file.records where record.name.string.hasPrefix("expected.") {
      let name = String(record.name.string.dropFirst("expected.".count))
      expect(try #require(results[name], "\(name)"), matches: try file.tensor(record.name.string), name)
      compared += 1
    }
    #expect(compared > 0)
  }

  @Test(arguments: cases)
  func bfloat16StaysClose(_ path: String) throws {
    let url = Fixtures.url("vae/" + path), file = try openCheckpoint(at: url)
    for (name, tensor) in try results(of: url.deletingLastPathComponent(), on: file, bfloat16) {
      guard let expected = try file.optionalTensor("expected." + name) else { continue }
      expect(tensor, matches: expected, nmse: 2e-4, relative: 3e-2, name)
    }
  }

  @Test func samplesAreMeanPlusNoise() throws {
    let folder = Fixtures.url("vae/kl-b")
    let file = try openCheckpoint(at: folder.appendingPathComponent("encode.safetensors"))
    let model = try #require(try loadAutoencoder(at: folder, backend: float32, encoder: true) as? AutoencoderKL)
    let image = try positive(try file.tensor("input.image"))
    let (mean, std) = (try file.tensor("expected.mean"), try file.tensor("expected.std"))
    var numbers = Numbers(3)
    let noise = try numbers.tensor(mean.shape)
    let factor = model.configuration.scaling.factor
    let sample = zip(zip(mean.array, std.array), noise.array).map { ($0.0 + $0.1 * $1) * factor }
    try expect(try model.encode(image, noise: noise), matches: Tensor(sample, mean.shape), "sample")
    expect(try model.encode(image), matches: try Tensor(mean.array.map { $0 * factor }, mean.shape), "mean")
  }

  /// Everything a case may have goldens of, by their names.
  private func results(of folder: URL, on file: Checkpoint, _ backend: Backend) throws -> [String: Tensor] {
    let model = try loadAutoencoder(at: folder, backend: backend, encoder: true)
    let latents = try file.optionalTensor("input.latents"), image = try file.optionalTensor("input.image")
    guard let model = model as? AutoencoderKL else {
      if let latents { return try ["image": signed(model.decode(latents))] }
      return ["latents": try model.encode(positive(try #require(image)))]
    }
    var shown: [String: [Tensor]] = [:]
    let observe: Observer = { name, tensor in shown[name, default: []].append(tensor) }
    var results: [String: Tensor] = [:]
    if let latents {
      try results["image"] = signed(model.decode(model.configuration.scaling.scaled(latents), observe: observe))
    } else {
      let moments = try model.distribution(of: positive(try #require(image)), observe: observe)
      results = try ["mean": moments.mean, "logvar": moments.logVariance, "std": moments.standardDeviation()]
    }
    for (name, parts) in shown { try results[name] = .concatenated(parts) }
    return results
  }
}
