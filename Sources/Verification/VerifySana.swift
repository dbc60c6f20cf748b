import DiTAutoencoder
import DiTCheckpoints
import DiTDiffusion
import DiTTensors
import DiTTextToImage
import DiTTransformer

/// SANA from diffusers' folder and from original files, whose names are others and whose numbers are the same; and whole runs.
@Sendable func verifySana(_ test: inout VerificationCase) throws {
  if test.manifest["pipeline"] != nil { return try verifySanaPipeline(&test) }
  let file = try test.data()
  var configuration = try readConfiguration(SanaConfiguration.self, at: test.beside("config.json"))
  // Goldens are told what the model is told.
  (configuration.guidanceFactor, configuration.timestepFactor) = (1, 1)
  let guidance = try file.contains("input.guidance") ? file.tensor("input.guidance").array : nil
  var conditions = try captions(in: file).map { Condition(text: $0) }
  for index in conditions.indices { conditions[index].guidance = guidance?[index] }
  for name in ["diffusion_pytorch_model.safetensors", "original.pth"] where test.has(name) {
    let checkpoint = try openCheckpoint(at: test.beside(name))
    let names = configuration.names(in: checkpoint)
    let model = try Sana(configuration, Parameters(checkpoint, names: names, backend: test.backend))
    if file.contains("expected.positions") {
      let x = try file.tensor("input.x")
      let grid = Grid(of: x, patchSize: model.patchSize)
      try test.compare("positions", in: file, actual: model.positions(grid), note: name)
    }
    try verifyForward(&test, model, file, conditions, note: name)
  }
}

/// The real tokens of `input.caption`.
private func captions(in file: Checkpoint) throws -> [Tensor] {
  let states = try file.tensor("input.caption")
  return try rows(of: "input.mask", in: file).enumerated().map { row, mask in
    try unpadded(states.slice(row, count: 1).reshaped(Array(states.shape.dropFirst())), mask)
  }
}

/// From caption states to pixels: flow DPM-Solver++ with guidance by two branches, or SCM with embedded guidance.
private func verifySanaPipeline(_ test: inout VerificationCase) throws {
  let file = try test.data()
  let folder = test.folder.appendingPathComponent(test.manifest["transformer"]?.string ?? "")
  let configuration = try readConfiguration(SanaConfiguration.self, at: folder.appendingPathComponent("config.json"))
  let model = try configuration.load(openCheckpoint(at: folder), backend: test.backend)
  let traits = configuration.traits
  let settings = test.manifest["scheduler"]
  let shift = settings?["flow_shift"]?.number
  let schedule = shift.map { NoiseSchedule(.straight(shift: $0, scale: 1000)) } ?? traits.sampling.schedule
  var sampler = try SamplerRegistry.make(
    traits.sampling.sampler, schedule: schedule, settings: SamplerSettings(steps: test.manifest["steps"]?.integer ?? 0))

  // One generator draws the start, and noise for every step of SCM.
  let start = try file.tensor("input.x_T")
  let noise = try file.contains("input.noise") ? file.tensor("input.noise").array : []
  var random = TorchRandom(seed: UInt64(test.manifest["random"]?["seed"]?.integer ?? 0))
  var drawn = try random.randn(start.shape).array

  let scale = Float(test.manifest["guidance_scale"]?.number ?? 1)
  let texts = try captions(in: file)
  var condition = Condition(text: texts[0])
  condition.guidance = traits.embedsGuidance ? scale : nil
  let denoiser = try GuidedDenoiser(
    model, conditional: [condition], unconditional: [Condition(text: texts.last)],
    guidance: Guidance(scale: traits.embedsGuidance ? 1 : scale), kind: schedule.prediction,
    grid: Grid(of: start, patchSize: model.patchSize),
    levels: sampler.evaluationLevels)
  // States of SCM are on the circle and in the data's σ there.
  let (plan, sigma) = (sampler.plan, settings?["sigma_data"]?.number)
  func unit(of level: NoiseLevel) -> Float {
    sigma.map { Float($0 / (level.signal * level.signal + level.noise * level.noise).squareRoot()) } ?? 1
  }
  var states: [Float] = []
  let latents = try sampler.run(
    from: sampler.start(start.copy()), predict: { try denoiser.predict($0, evaluation: $1) },
    noise: {
      let next = try random.randn(start.shape)
      drawn += next.array
      return next
    },
    observe: { index, step in
      let factor = unit(of: plan.target(index))
      states += step.latents.array.map { $0 * factor }
    })
  test.compare("x", expected: try file.tensor("expected.x").array, actual: states)
  try test.compare("latents", in: file, actual: latents)
  let random32 = start.array + noise
  test.exact("random draws", drawn.count == random32.count && zip(random32, drawn).allSatisfy { abs($0 - $1) < 1e-5 })

  let vae = test.folder.appendingPathComponent(test.manifest["autoencoder"]?.string ?? "").standardizedFileURL
  let autoencoder = try loadAutoencoder(at: vae, backend: test.backend, encoder: false)
  let images = try autoencoder.decode(latents)
  // Pictures are −1…1 there.
  try test.compare("image", in: file, actual: Tensor(images.array.map { 2 * $0 - 1 }, images.shape))
  try comparePixels(&test, file, images)
}
