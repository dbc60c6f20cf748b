import DiTAutoencoder
import DiTCheckpoints
import Foundation
import DiTTensors

/// Our tiny autoencoder's fixtures: `decoder.safetensors` and `encoder.safetensors` beside the case.
func verifyTinyAutoencoder(_ test: inout VerificationCase) throws {
  let file = try test.data()
  let model = try tinyAutoencoder(test.directory, test.backend)
  if file.contains("input.latents") {
    try test.compare("image", in: file, actual: model.decode(file.tensor("input.latents")))
  } else {
    try test.compare("latents", in: file, actual: model.encode(file.tensor("input.image")))
  }
}

func tinyAutoencoder(_ folder: URL, _ backend: Backend) throws -> TinyAutoencoder {
  try TinyAutoencoder(
    readConfiguration(TinyAutoencoderConfiguration.self, at: folder.appendingPathComponent("config.json")),
    decoder: openCheckpoint(at: folder.appendingPathComponent("decoder.safetensors")),
    encoder: openCheckpoint(at: folder.appendingPathComponent("encoder.safetensors")), backend: backend)
}

/// Autoencoder folders of diffusers, and the same weights under other names in other files.
@Sendable func verifyAutoencoder(_ test: inout VerificationCase) throws {
  let file = try test.data()
  switch try AutoencoderSource(test.directory).kind {
  case .kl(let configuration): try verifyKL(configuration, file, &test)
  case .tiny: try verifyTiny(file, &test)
  }
}

private func verifyKL(
  _ configuration: AutoencoderKLConfiguration, _ file: Checkpoint, _ test: inout VerificationCase
) throws {
  let weights = try openCheckpoint(at: test.directory)
  let results = try klResults(configuration, weights, file, test.backend)
  for (name, tensor) in results.sorted(by: { $0.key < $1.key }) { try test.compare(name, in: file, actual: tensor) }

  func twin(_ what: String, _ weights: Checkpoint) throws {
    let same = try klResults(configuration, weights, file, test.backend).allSatisfy { name, tensor in
      tensor.array == results[name]?.array
    }
    test.exact(what, same)
  }
  let compVis = test.beside("ldm-names.safetensors"), old = test.beside("old-attention-names.json")
  if FileManager.default.fileExists(atPath: compVis.path) { try twin("CompVis' names", openCheckpoint(at: compVis)) }
  if FileManager.default.fileExists(atPath: old.path) {
    let table = try readConfiguration([String: String].self, at: old)
    try twin("old attention names", weights.renamed(Dictionary(table.map { ($1, $0) }, uniquingKeysWith: { $1 })))
  }
}

/// Everything a case may have goldens of, by their names. Pictures as diffusers has them, in −1…1.
private func klResults(
  _ configuration: AutoencoderKLConfiguration, _ weights: Checkpoint, _ file: Checkpoint, _ backend: Backend
) throws -> [String: Tensor] {
  let model = try AutoencoderKL(configuration, checkpoint: weights, backend: backend)
  var shown: [String: [Tensor]] = [:]
  let observe: Observer = { name, tensor in shown[name, default: []].append(tensor) }
  var results: [String: Tensor]
  if file.contains("input.latents") {
    // The goldens start from latents that are already divided by the scaling factor.
    let latents = try configuration.scaling.scaled(try file.tensor("input.latents"))
    let image = try model.decode(latents, observe: observe)
    results = ["image": try Tensor(image.array.map { 2 * $0 - 1 }, image.shape)]
  } else {
    let image = try file.tensor("input.image")
    let latents = try model.distribution(of: try Tensor(image.array.map { $0 / 2 + 0.5 }, image.shape), observe: observe)
    results = ["mean": latents.mean, "logvar": latents.logVariance, "std": try latents.standardDeviation()]
  }
  for (name, parts) in shown { results[name] = try .concatenated(parts) }
  return results
}

private func verifyTiny(_ file: Checkpoint, _ test: inout VerificationCase) throws {
  func result(_ url: URL) throws -> Tensor {
    let model = try loadAutoencoder(at: url, backend: test.backend, encoder: true)
    guard file.contains("input.latents") else {
      let image = try file.tensor("input.image")
      return try model.encode(try Tensor(image.array.map { $0 / 2 + 0.5 }, image.shape))
    }
    // diffusers returns 2y − 1 where this program, as TAESD, returns y.
    let image = try model.decode(try file.tensor("input.latents"))
    return try Tensor(image.array.map { 2 * $0 - 1 }, image.shape)
  }
  let whole = try result(test.directory)
  try test.compare(file.contains("input.latents") ? "image" : "latents", in: file, actual: whole)
  for name in ["taesd_decoder.pth", "taesd_encoder.pth"] {
    let url = test.beside(name)
    guard FileManager.default.fileExists(atPath: url.path) else { continue }
    test.exact(name, try result(url).array == whole.array)
  }
}
