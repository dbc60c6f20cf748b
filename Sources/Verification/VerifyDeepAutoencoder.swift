import DiTAutoencoder
import DiTCheckpoints
import DiTTensors
import Foundation

/// Folders of `AutoencoderDC`; the same weights under their authors' names, which must give the same numbers; and the same picture
/// in bands.
@Sendable func verifyDeepAutoencoder(_ test: inout VerificationCase) throws {
  let file = try test.data()
  let results = try deepResults(test.directory, file, test.backend)
  for (name, tensor) in results.sorted(by: { $0.key < $1.key }) { try test.compare(name, in: file, actual: tensor) }
  let name = file.contains("input.latents") ? "image" : "latents"
  if test.has("original-names.safetensors") {
    let other = try deepResults(test.beside("original-names.safetensors"), file, test.backend)
    test.exact("its authors' names", other[name]?.array == results[name]?.array)
  }
  // The very numbers of the whole, but where products depend on how many rows there are, or levels on what a call sees.
  let banded = try deepResults(test.directory, file, test.backend, .side(1))
  if let tensor = banded[name] { try test.compare(name, in: file, actual: tensor, note: "in bands of a row") }
}

/// Everything a case may have goldens of, by their names. Pictures as diffusers has them, in −1…1, and latents unscaled.
private func deepResults(
  _ url: URL, _ file: Checkpoint, _ backend: Backend, _ tiling: Tiling = .never
) throws -> [String: Tensor] {
  guard let model = try AutoencoderSource(url).load(backend: backend, encoder: true, tiling: tiling) as? AutoencoderDC else {
    throw VerificationError("\(url.path) is no AutoencoderDC")
  }
  var shown: [String: [Tensor]] = [:]
  let probe: Probe? = tiling == .never ? { point, pixels in try shown[point.name, default: []].append(planes(pixels)) } : nil
  let scaling = model.configuration.scaling
  var results: [String: Tensor]
  if file.contains("input.latents") {
    let image = try model.decode(scaling.scaled(file.tensor("input.latents")), probe: probe)
    results = ["image": try Tensor(image.array.map { 2 * $0 - 1 }, image.shape)]
  } else {
    let image = try file.tensor("input.image")
    let latents = try model.encode(try Tensor(image.array.map { $0 / 2 + 0.5 }, image.shape), probe: probe)
    results = ["latents": try scaling.unscaled(latents)]
  }
  for (name, parts) in shown { results[name] = try .concatenated(parts) }
  return results
}
