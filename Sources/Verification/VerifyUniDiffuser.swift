import DiTCheckpoints
import DiTDiffusion
import DiTModels
import DiTTensors
import DiTTextToImage
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
    let model = try uniDiffuser(sizes, place, test.backend)
    var shown: [(ProbePoint, Tensor)] = []
    let output = try model.predict(sample, times: times, dataTypes: types) { try shown.append(($0, $1.copy())) }
    let note = place.lastPathComponent
    for (point, tensor) in shown { try test.compare(point, in: file, actual: tensor, note: note) }
    try test.compare("latents", in: file, actual: output.latents, note: note)
    try test.compare("clip_image", in: file, actual: output.clipImage, note: note)
    try test.compare("text", in: file, actual: output.text, note: note)
  }
}

/// The weights at a place, under whichever names.
func uniDiffuser(_ sizes: UniDiffuserConfiguration, _ place: URL, _ backend: Backend) throws -> UniDiffuser {
  let weights = try openTransformer(at: place)
  return try UniDiffuser(sizes, Parameters(weights, names: sizes.names(in: weights), backend: backend))
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
}

extension DrawnForm {
  /// States of what a file has under `input.PREFIX…`; of several evaluations one.
  func reading(_ prefix: String, in file: Checkpoint) throws -> Tensor {
    try joined { part, shape in try file.tensor("input.\(prefix)\(part.golden)").withShape(shape) }
  }
}

extension DrawnForm.Part {
  /// As the fixtures call it.
  var golden: String {
    switch self {
    case .latents: "latents"
    case .embedding: "clip_image"
    case .text: "text"
    }
  }
}

extension Tensor {
  /// [N] + `shape`.
  fileprivate func withShape(_ shape: [Int]) -> Tensor { reshaped([count / max(1, shape.reduce(1, *))] + shape) }
}

/// What a file gives of one of its pictures: `input.PREFIXtext`, or latents and CLIP's embedding.
func givenSegment(_ prefix: String, _ modality: Modality, of picture: Int, in file: Checkpoint) throws -> ConditionSegment? {
  func part(_ part: DrawnForm.Part) throws -> Tensor? {
    let name = "input.\(prefix)\(part.golden)"
    guard file.contains(name) else { return nil }
    let tensor = try file.tensor(name)
    return tensor.slice(min(picture, tensor.shape[0] - 1), count: 1)
  }
  if modality == .text { return try part(.text).map { .text($0.reshaped(Array($0.shape.dropFirst()))) } }
  guard let latents = try part(.latents), let embedding = try part(.embedding) else { return nil }
  return .picture(latents: latents, embedding: embedding)
}

/// Noise of one picture for what is unknown of it, by evaluations where the file has them apart.
func givenNoise(_ prefix: String, of picture: Int, in file: Checkpoint, byEvaluation: Bool) -> UnknownNoise.Draw {
  { modality, shapes, evaluation in
    let parts: [DrawnForm.Part] = modality == .text ? [.text] : [.latents, .embedding]
    return try zip(parts, shapes).map { part, shape in
      var noise = try file.tensor("input.\(prefix)\(part.golden)")
      if byEvaluation { noise = noise.slice(evaluation, count: 1).reshaped(Array(noise.shape.dropFirst())) }
      return noise.slice(picture, count: 1).reshaped([1] + shape)
    }
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

/// One guided evaluation of a mode, all branches.
@Sendable func verifyUniDiffuserMode(_ test: inout VerificationCase) throws {
  let file = try test.data()
  var sizes = try readConfiguration(UniDiffuserConfiguration.self, at: test.beside("unet/config.json"))
  (sizes.compatibility, sizes.dataType) = (.diffusers, test.manifest["data_type"]?.integer ?? 1)  // times as they are told
  let step = try UniDiffuserMode(named: test.manifest["mode"]?.string ?? "")
  let grid = Grid(height: sizes.sampleSize / sizes.patchSize, width: sizes.sampleSize / sizes.patchSize)
  let form = sizes.form(drawing: step.drawn, latents: [sizes.latentChannels, sizes.sampleSize, sizes.sampleSize])
  let state = try form.reading("", in: file)
  let count = state.shape[0]
  let known = try (0..<count).map { picture in
    var known = KnownPair()
    known.words = try givenSegment("condition_", .text, of: picture, in: file)
    known.picture = try givenSegment("condition_", .image, of: picture, in: file)
    known.negative = try givenSegment("empty_", .text, of: picture, in: file)
    return known
  }
  let level = NoiseLevel(timestep: test.manifest["t"]?.number ?? 0, alphaCumprod: 0.5)
  for place in try uniDiffuserWeights(test) {
    let noises = (0..<count).map { UnknownNoise(draw: givenNoise("noise_", of: $0, in: file, byEvaluation: false)) }
    let denoiser = try GuidedDenoiser(
      uniDiffuser(sizes, place, test.backend), conditional: zip(known, noises).map { $0.condition(step, $1) },
      branches: step.drawn.map { drawn in
        .init(zip(known, noises).map { $0.branch(drawn, $1) }, numbers: step.drawn.count > 1 ? form.range(of: drawn) : nil)
      },
      guidance: Guidance(scale: Float(test.manifest["guidance_scale"]?.number ?? 1)), kind: .noise, grid: grid, levels: [level])
    var branches: [Tensor] = []
    let guided = try denoiser.predict(state, evaluation: 0) { point, tensor in
      guard point == .branches(evaluation: 0) else { return }
      branches = try (0..<tensor.shape[0] / count).map { try tensor.slice($0 * count, count: count).copy() }
    }
    let note = place.lastPathComponent
    try compare(&test, "", form, guided.output, step.drawn, file, note)
    try compare(&test, "conditional_", form, branches[0], step.drawn, file, note)
    for (drawn, branch) in zip(step.drawn, branches.dropFirst()) {
      try compare(&test, "unconditional_", form, branch, [drawn], file, note)
    }
  }
}

func compare(
  _ test: inout VerificationCase, _ prefix: String, _ form: DrawnForm, _ states: Tensor, _ drawn: [Modality],
  _ file: Checkpoint, _ note: String = ""
) throws {
  for (part, _) in form.parts where drawn.contains(part.modality) {
    guard let found = try form.part(part, of: states) else { continue }
    try test.compare(prefix + part.golden, in: file, actual: found, note: note)
  }
}
