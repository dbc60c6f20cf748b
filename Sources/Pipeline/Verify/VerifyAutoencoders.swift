import Autoencoder
import Checkpoints
import Foundation
import Tensors

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

/// Autoencoder folders of diffusers.
@Sendable func verifyAutoencoder(_ test: inout VerificationCase) throws {
  let name = try readConfiguration(JSONValue.self, at: test.beside("config.json"))["_class_name"]?.string ?? "?"
  guard name == "AutoencoderTiny" else {
    throw VerificationError("this program does not know the autoencoder \"\(name)\" yet")
  }
  let file = try test.data()
  let weights = try openCheckpoint(at: test.beside("diffusion_pytorch_model.safetensors"))
  let model = try TinyAutoencoder(
    readConfiguration(TinyAutoencoderConfiguration.self, at: test.beside("config.json")),
    decoder: weights.scoped("decoder."), encoder: weights.scoped("encoder."), backend: test.backend)
  if file.contains("input.latents") {
    // diffusers returns 2y − 1 where this program, as TAESD, returns y.
    let image = model.decode(try file.tensor("input.latents"))
    try test.compare("image", in: file, actual: Tensor(image.array.map { 2 * $0 - 1 }, image.shape))
  } else {
    let image = try file.tensor("input.image")
    try test.compare("latents", in: file, actual: model.encode(Tensor(image.array.map { $0 / 2 + 0.5 }, image.shape)))
  }
}
