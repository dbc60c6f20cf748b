import DiTCheckpoints
import DiTTensors
import DiTTransformer
import Foundation

/// UniDiffuser's transformer under the names of diffusers and of its authors.
@Sendable func verifyUniDiffuser(_ test: inout VerificationCase) throws {
  let file = try test.data()
  let sizes = try readConfiguration(UniDiffuserConfiguration.self, at: test.beside("unet/config.json"))
  let sample = try UniDiffuserSample(in: file)
  let (images, texts) = (try file.tensor("input.t_image").array, try file.tensor("input.t_text").array)
  let times = zip(images, texts).map { (image: $0, text: $1) }
  let types = try file.contains("input.data_type") ? file.integers("input.data_type") : times.map { _ in 1 }
  for place in try uniDiffuserWeights(test) {
    let model = try UniDiffuser(sizes, openCheckpoint(at: place), backend: test.backend)
    var shown: [(ProbePoint, Tensor)] = []
    let output = try model.predict(sample, times: times, dataTypes: types) { try shown.append(($0, $1.copy())) }
    let note = place.lastPathComponent
    for (point, tensor) in shown { try test.compare(point, in: file, actual: tensor, note: note) }
    try test.compare("latents", in: file, actual: output.latents, note: note)
    try test.compare("clip_image", in: file, actual: output.clipImage, note: note)
    try test.compare("text", in: file, actual: output.text, note: note)
  }
}

/// The folder of diffusers, and the same weights as their authors' file.
private func uniDiffuserWeights(_ test: VerificationCase) throws -> [URL] {
  let places = ["unet", "uvit_v0.safetensors", "../v1-original/uvit_v1.pth"].map(test.beside)
  return places.filter { place in
    FileManager.default.fileExists(atPath: place.path) && (place.pathExtension != "pth" || test.directory.lastPathComponent == "v1")
  }
}

extension UniDiffuserSample {
  /// `input.PREFIXlatents`, `…clip_image` and `…text`.
  init(in file: Checkpoint, _ prefix: String = "") throws {
    self.init(
      latents: try file.tensor("input.\(prefix)latents"), clipImage: try file.tensor("input.\(prefix)clip_image"),
      text: try file.tensor("input.\(prefix)text"))
  }

  /// Zeros of B pairs, where the sizes alone are wanted.
  init(_ sizes: UniDiffuserConfiguration, count: Int) throws {
    self.init(
      latents: try Tensor([count, sizes.latentChannels, sizes.sampleSize, sizes.sampleSize]),
      clipImage: try Tensor([count, 1, sizes.clipSize]), text: try Tensor([count, sizes.textTokens, sizes.textSize]))
  }

  /// With what a file has of it under `input.PREFIX…`; of several evaluations one.
  func reading(_ prefix: String, in file: Checkpoint, evaluation: Int? = nil) throws -> UniDiffuserSample {
    var result = self
    func read(_ name: String, _ shape: [Int]) throws -> Tensor? {
      guard file.contains("input.\(prefix)\(name)") else { return nil }
      let tensor = try file.tensor("input.\(prefix)\(name)")
      return (evaluation.map { tensor.slice($0, count: 1) } ?? tensor).reshaped(shape)
    }
    result.latents = try read("latents", latents.shape) ?? latents
    result.clipImage = try read("clip_image", clipImage.shape) ?? clipImage
    result.text = try read("text", text.shape) ?? text
    return result
  }
}

extension UniDiffuserMode {
  /// As the fixtures call them.
  init(named name: String) throws {
    switch name {
    case "t2i", "t2i-empty": self = .textToImage
    case "i2t": self = .imageToText
    case "joint": self = .pair
    case "i": self = .imageAlone
    case "t": self = .textAlone
    default: throw VerificationError("this program does not know the mode \"\(name)\"")
    }
  }
}

/// One guided evaluation of a mode, both branches.
@Sendable func verifyUniDiffuserMode(_ test: inout VerificationCase) throws {
  let file = try test.data()
  let sizes = try readConfiguration(UniDiffuserConfiguration.self, at: test.beside("unet/config.json"))
  let name = test.manifest["mode"]?.string ?? ""
  let mode = try UniDiffuserMode(named: name)
  let count = file.records.first { $0.name.hasPrefix("expected.") }?.shape.first ?? 0
  let empty = try UniDiffuserSample(sizes, count: count)
  let current = try empty.reading("", in: file)
  for place in try uniDiffuserWeights(test) {
    let denoiser = try UniDiffuserDenoiser(
      UniDiffuser(sizes, openCheckpoint(at: place), backend: test.backend), mode,
      given: empty.reading("condition_", in: file),
      emptyText: file.contains("input.empty_text") ? file.tensor("input.empty_text") : nil,
      scale: Float(test.manifest["guidance_scale"]?.number ?? 1), dataType: test.manifest["data_type"]?.integer ?? 1)
    let answer = try denoiser.predict(
      current.joined(mode.drawn), time: Float(test.manifest["t"]?.number ?? 0),
      noise: { _ in try empty.reading("noise_", in: file) })
    let guided = try empty.replacing(mode.drawn, by: answer.guided)
    let note = place.lastPathComponent
    for (prefix, samples) in [("", [guided]), ("conditional_", [answer.conditional])] {
      for sample in samples { try compare(&test, prefix, sample, mode.drawn, file, note) }
    }
    for (modality, sample) in zip(mode.drawn, answer.unconditional) {
      try compare(&test, "unconditional_", sample, [modality], file, note)
    }
  }
}

private func compare(
  _ test: inout VerificationCase, _ prefix: String, _ sample: UniDiffuserSample, _ drawn: [UniDiffuserMode.Modality],
  _ file: Checkpoint, _ note: String = ""
) throws {
  if drawn.contains(.image) {
    try test.compare(prefix + "latents", in: file, actual: sample.latents, note: note)
    try test.compare(prefix + "clip_image", in: file, actual: sample.clipImage, note: note)
  }
  if drawn.contains(.text) { try test.compare(prefix + "text", in: file, actual: sample.text, note: note) }
}
