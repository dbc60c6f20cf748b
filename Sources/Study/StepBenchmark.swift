import DiTCheckpoints
import DiTDiffusion
import DiTModels
import DiTTensors
import DiTTextToImage
import DiTTransformer
import Foundation

/// The parts of a drawing one by one, so that they can be timed (`dit-t2i benchmark`).
package final class StepBenchmark {
  private let session: DrawingSession
  private var model: TextToImage { session.model }
  package let size: PictureSize
  /// Pictures drawn together; guidance doubles the batch.
  package let count: Int
  private let timesteps: [Float]
  private let prompt: String
  private let latents: Tensor  // [count, C, h, w], or joined with what is drawn beside them
  private let form: DrawnForm
  private var denoiser: GuidedDenoiser
  private var evaluation = 0

  /// What a run of this many evaluations prepares once, it prepares for all of them.
  package static let evaluations = 20
  private static let scale: Float = 3

  package init(_ session: DrawingSession, size: PictureSize, count: Int, prompt: String = "a red fox in snow") throws {
    guard count > 0 else { throw RequestError.count(count) }
    try session.model.folder.check(GenerationRequest(size: size))
    self.session = session
    self.size = size
    self.count = count
    self.prompt = prompt
    let last = Float(StepBenchmark.evaluations - 1)
    timesteps = (0..<StepBenchmark.evaluations).map { (999 * (1 - Float($0) / last)).rounded() }
    let noise = BatchNoise(seeds: (0..<count).map(UInt64.init))
    let form = session.model.folder.transformer.form(drawing: [.image], latents: session.model.latentShape(size))
    latents = try form.joined { _, shape in try noise.randn(shape) }
    self.form = form
    denoiser = try StepBenchmark.denoiser(session, size, count, prompt, timesteps)
  }

  private static func denoiser(
    _ session: DrawingSession, _ size: PictureSize, _ count: Int, _ prompt: String, _ timesteps: [Float]
  ) throws -> GuidedDenoiser {
    let model = session.model
    let isTold = model.folder.traits.embedsGuidance
    let one = { (text: String) in
      var known = KnownPair()
      known.words = try session.words(text)
      known.guidance = isTold ? scale : nil
      return Array(repeating: known.condition(.textToImage), count: count)
    }
    return try GuidedDenoiser(
      model.stages.transformers.transformer(), conditional: try one(prompt), unconditional: try one(""),
      guidance: Guidance(scale: isTold ? 1 : scale), kind: model.folder.scheduler.schedule.prediction,
      grid: model.folder.grid(of: size), levels: timesteps.map { model.folder.scheduler.schedule.level(timestep: Double($0)) })
  }

  /// What is done once for each run: keys and values of the text and, in its first evaluation, all modulations.
  /// The evaluation it also takes is to be subtracted.
  package func prepare() throws {
    denoiser = try StepBenchmark.denoiser(session, size, count, prompt, timesteps)
    evaluation = 0
    try step()
  }

  /// One guided evaluation of the transformer; of models that are told the scale, one branch.
  @discardableResult
  package func step() throws -> Prediction {
    defer { evaluation = (evaluation + 1) % timesteps.count }
    return try denoiser.predict(latents, evaluation: evaluation)
  }

  /// Latents of `count` pictures to pixels.
  @discardableResult
  package func decode() throws -> Tensor { try model.stages.autoencoder.decode(form.part(.latents, of: latents) ?? latents) }

  /// A prompt to text states, whatever is known already.
  package func encode(_ prompt: String) throws {
    let stages = model.stages
    guard let text = model.folder.text, let tokenizer = stages.tokenizer, let encoder = stages.textEncoder else { return }
    let one = (text.prepared(prompt), TextRole.prompt)
    try encoder.use { _ = try text.states(of: [one], tokenizer: tokenizer, encoder: $0) }
  }

  /// Writes what one step and one decoding read and gave, for another program to compute again.
  package func writeCase(to url: URL) throws {
    evaluation = 0
    var guided: Tensor?
    denoiser = try StepBenchmark.denoiser(session, size, count, prompt, timesteps)
    let prediction = try denoiser.predict(latents, evaluation: 0) { point, output in
      if point == .branches(evaluation: 0) { guided = try output.copy() }
    }
    var writer = SafetensorsWriter(url)
    try writer.add("latents", latents)  // [N, C, h, w]
    try writer.add("timestep", try Tensor([timesteps[0]], [1]))
    for (name, text, role) in [("text", prompt, TextRole.prompt), ("null", "", .negative)] {
      if let states = try session.states(of: text, as: role) { try writer.add(TensorName(name), states) }  // [L, D]
    }
    if let guided { try writer.add("output", guided) }  // [2N, 2C, h, w]
    try writer.add("noise", prediction.output)  // [N, C, h, w]
    try writer.add("image", decode())  // [N, 3, H, W]
    try writer.write()
  }
}
