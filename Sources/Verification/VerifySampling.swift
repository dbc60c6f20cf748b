import DiTCheckpoints
import DiTDiffusion
import Foundation
import DiTTensors

/// Golden runs of the samplers on a model that is a formula: every state of the run.
@Sendable func verifySampler(_ test: inout VerificationCase) throws {
  let file = try test.data()
  guard let parameters = test.manifest["model_parameters"] else { return try verifyNoising(&test, file) }
  let start = try file.tensor("input.x_T")
  let model = try parameters.decoded(as: AnalyticDenoiser.self)
  var sampler = try sampler(of: test.manifest)
  if let timesteps = test.manifest["timesteps"]?.integers {
    test.exact("timesteps", sampler.timesteps == timesteps.map(Float.init))
  }
  let noise = try file.contains("input.noise") ? file.tensor("input.noise") : nil
  let evaluations = sampler.evaluations
  var drawn = 0
  var states: [Float] = []
  var originals: [Float] = []
  _ = try sampler.run(
    from: start, predict: { try model($0, timestep: evaluations[$1]) },
    noise: {
      guard let noise, drawn < noise.shape[0] else { return try Tensor(start.shape) }
      drawn += 1
      return noise.slice(drawn - 1, count: 1).reshaped(start.shape)
    },
    observe: { _, step in
      states += step.latents.array
      originals += step.predictedOriginal.array
    })
  test.compare("x", expected: try file.tensor("expected.x").array, actual: states)
  if file.contains("expected.pred_x0") {
    test.compare("pred_x0", expected: try file.tensor("expected.pred_x0").array, actual: originals)
  }
}

/// The sampler a manifest describes in words.
private func sampler(of manifest: JSONValue) throws -> any Sampler {
  let description = manifest["sampler"]?.string ?? ""
  let respacing = manifest["respacing"]?.string
  var settings = SamplerSettings(
    steps: manifest["steps"]?.integer ?? 1, respacing: respacing, eta: manifest["eta"]?.number ?? 0,
    clipping: manifest["clip_denoised"]?.bool == true ? Clipping(.range(1)) : nil)
  switch description {
  case _ where description.hasPrefix("ancestral DDPM"): return try SamplerRegistry.make("ddpm", settings: settings)
  case _ where description.hasPrefix("DDIM as in the DiT repository"):
    return try SamplerRegistry.make("ddim", settings: settings)
  case _ where description.hasPrefix("DDIM as diffusers"):
    settings.spacing = .leading
    return try SamplerRegistry.make("ddim", settings: settings)
  case _ where description.hasPrefix("DPM-Solver++(2M)"): return try SamplerRegistry.make("dpm++", settings: settings)
  default: throw VerificationError("this program does not know the sampler \"\(description)\"")
  }
}

/// q_sample: forward noising to the timestep in each tensor's name.
private func verifyNoising(_ test: inout VerificationCase, _ file: Checkpoint) throws {
  let original = try file.tensor("input.x0")
  let noise = try file.tensor("input.noise")
  for record in file.records where record.name.string.hasPrefix("expected.t") {
    guard let timestep = Double(record.name.string.dropFirst("expected.t".count)) else { continue }
    let level = NoiseSchedule.dit.level(timestep: timestep)
    let noised = try NoiseSchedule.noised(original, with: noise, at: level)
    try test.compare(String(record.name.string.dropFirst("expected.".count)), in: file, actual: noised)
  }
}

/// PyTorch's CPU generator: words and uniforms exact, normal numbers within the manifest's tolerance.
@Sendable func verifyRandom(_ test: inout VerificationCase) throws {
  let file = try test.data()
  let sizes = try readConfiguration(JSONValue.self, at: test.beside("randn.json"))["sequence_sizes"]?.integers ?? []
  var expected: [Float] = []
  var actual: [Float] = []
  var uniforms = 0
  var words = 0
  var wrong: [String] = []
  for record in file.records {
    // seed42.n17, seed0.sequence, seed0.uniform, seed0.mt19937_first8, seed0.batch2x3x4x5
    let parts = record.name.string.split(separator: ".", maxSplits: 1).map(String.init)
    guard parts.count == 2, parts[0].hasPrefix("seed"), let seed = UInt64(parts[0].dropFirst(4)) else {
      throw VerificationError("\(record.name): not seedS.what")
    }
    var generator = TorchRandom(seed: seed)
    let name = record.name.string
    switch parts[1] {
    case "mt19937_first8":
      words += 1
      var engine = MersenneTwister(seed: UInt32(truncatingIfNeeded: seed))
      let golden = try file.integers(name)
      if golden != golden.map({ _ in Int(engine.word()) }) { wrong.append(name) }
    case "uniform":
      uniforms += 1
      let golden = try file.tensor(name).array
      if golden != golden.map({ _ in generator.uniform() }) { wrong.append(name) }
    case "sequence":
      expected += try file.tensor(name).array
      for size in sizes { try actual += generator.randn([size]).array }
    default:
      let count = parts[1].hasPrefix("n") ? Int(parts[1].dropFirst()) ?? 0 : record.count
      let golden = try file.tensor(name).array
      expected += golden
      actual += try generator.randn([min(count, 1 << 20)]).array.suffix(golden.count)
    }
  }
  test.exact("\(words) word lists", words > 0 && !wrong.contains { $0.hasSuffix("first8") })
  test.exact("\(uniforms) uniform lists", uniforms > 0 && !wrong.contains { $0.hasSuffix("uniform") })
  test.compare("normal numbers", expected: expected, actual: actual)
}
