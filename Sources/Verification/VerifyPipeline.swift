import DiTCheckpoints
import DiTDiffusion
import DiTImage
import DiTModels
import DiTTensors
import DiTTextToImage
import DiTTransformer
import Foundation

/// Ids to pixels on the small random models of the text-dit fixtures.
func verifySmallPipeline(_ test: inout VerificationCase) throws {
  let file = try test.data()
  let folder = test.directory.appendingPathComponent("a")
  let encoder = try textEncoder(folder, test.backend)
  let model = try textTransformer(folder, test.backend)
  let autoencoder = try tinyAutoencoder(test.beside("tiny-autoencoder-a"), test.backend)
  let mask = try rows(of: "input.mask", in: file)
  let states = try zip(rows(of: "input.ids", in: file), mask).map { ids, mask in
    try unpadded(try encoder.encode(ids, mask: mask.map { UInt8(clamping: $0) }), mask)
  }
  let end = try encoder.encode([1])
  let start = try file.tensor("input.noise")
  let patch = model.configuration.patchSize
  var sampler = try SamplerRegistry.make(
    "dpm++", settings: SamplerSettings(steps: test.manifest["steps"]?.integer ?? 0))
  if let timesteps = test.manifest["timesteps"]?.integers {
    test.exact("timesteps", sampler.timesteps == timesteps.map(Float.init))
  }
  let denoiser = try GuidedDenoiser(
    model, conditional: states.map { Condition(text: $0) }, unconditional: states.map { _ in Condition(text: end) },
    guidance: Guidance(scale: Float(test.manifest["guidance_scale"]?.number ?? 1)), kind: .noise,
    grid: Grid(of: start, patchSize: patch), levels: sampler.evaluationLevels)
  var shown: [(ProbePoint, Tensor)] = []
  let latents = try sampler.run(
    from: start,
    predict: { x, evaluation in
      let prediction = try denoiser.predict(x, evaluation: evaluation)
      try shown.append((.guidedNoise(evaluation: evaluation), prediction.output.copy()))
      return prediction
    }, noise: { try Tensor(start.shape) }, observe: { try shown.append((.state(steps: $0 + 1), $1.latents.copy())) })
  for (point, tensor) in shown { try test.compare(point, in: file, actual: tensor) }

  let mean = try file.tensor("input.latent_mean").array
  let std = try file.tensor("input.latent_std").array
  let area = latents.shape[2] * latents.shape[3]
  let scaled = latents.array.enumerated().map { index, value in
    let channel = index / area % mean.count
    return value * std[channel] + mean[channel]
  }
  let images = try autoencoder.decode(Tensor(scaled, latents.shape))
  try test.compare("image", in: file, actual: images)
  try comparePixels(&test, file, images)
}

/// 8-bit pixels may differ by one where a float32 sum lies on an edge.
func comparePixels(_ test: inout VerificationCase, _ file: Checkpoint, _ images: Tensor) throws {
  let expected = try file.integers("expected.image_u8")
  let actual = try pixels(images)
  guard expected.count == actual.count else { throw VerificationError("image_u8: \(actual.count) pixels") }
  let worst = zip(expected, actual).map { abs($0 - $1) }.max() ?? 0
  // Fewer bits move pixels: the float tolerances hold then, and this line only reports.
  let limit = test.backend.precision == .f32 ? 1 : 255
  test.exact("image_u8", worst <= limit, note: "largest difference \(worst)")
}

/// Pixels [B, 3, H, W] as the program rounds them.
private func pixels(_ images: Tensor) throws -> [Int] {
  try (0..<images.shape[0]).flatMap { index -> [Int] in
    let picture = try Picture(
      planes: images.slice(index, count: 1).array, width: images.shape[3], height: images.shape[2])
    return (0..<3).flatMap { channel in stride(from: channel, to: picture.pixels.count, by: 3).map { Int(picture.pixels[$0]) } }
  }
}

// MARK: trained models

/// The model folder a group of goldens belongs to.
func modelFolder(of test: VerificationCase) -> URL {
  test.folder.appendingPathComponent(test.groupManifest["model"]?.string ?? "..").standardizedFileURL
}

/// A whole picture of a trained model: text states, first output, states of two steps, latents, picture.
@Sendable func verifyTextToImage(_ test: inout VerificationCase) throws {
  let file = try test.data()
  let folder = try ModelFolder(modelFolder(of: test))
  let session = try TextToImage(folder, backend: test.backend).makeSession()
  func setting<Value>(_ name: String, _ value: Value?) throws -> Value {
    guard let value else { throw VerificationError("the manifest has no usable \"\(name)\"") }
    return value
  }
  var request = GenerationRequest(
    size: try setting("size", test.manifest["size"]?.string.flatMap { PictureSize($0) }))
  request.prompt = try setting("prompt", test.manifest["prompt"]?.string)
  let className = try setting("class_id", test.manifest["class_id"]?.string)
  request.classIndex = className == "null" ? nil : try folder.classIndex(className)
  request.seed = UInt64(try setting("seed", test.manifest["seed"]?.integer.flatMap { $0 >= 0 ? $0 : nil }))
  request.steps = try setting("steps", test.manifest["steps"]?.integer)
  request.guidanceScale = Float(try setting("guidance_scale", test.manifest["guidance_scale"]?.number))
  request.sampler = "dpm++"
  request.sizing = .direct  // goldens are of the model itself, at any size

  test.exact("ids", try file.integers("input.ids") == session.model.tokens(of: request.prompt))
  if let states = try session.states(of: request.prompt) { try test.compare("text", in: file, actual: states) }
  var shown: [(ProbePoint, Tensor)] = []
  try session.draw(
    [request],
    probe: { point, tensor in
      if point.stage == .drawing, file.contains("expected." + point.name) { try shown.append((point, tensor.copy())) }
    })
  for (point, tensor) in shown {
    try test.compare(point, in: file, actual: tensor)
    if point == .image {
      let expected = try file.integers("expected.image_u8").map(Float.init)
      test.compare("image_u8", expected: expected, actual: try pixels(tensor).map(Float.init))
    }
  }
}
