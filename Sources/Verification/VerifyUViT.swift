import DiTAutoencoder
import DiTCheckpoints
import DiTDiffusion
import DiTModels
import DiTTensors
import DiTText
import DiTTextToImage
import DiTTransformer
import Foundation

/// U-ViT from safetensors and, where there is one, from the original file.
@Sendable func verifyUViT(_ test: inout VerificationCase) throws {
  let file = try test.data()
  let configuration = try readConfiguration(UViTConfiguration.self, at: test.beside("config.json"))
  let classes = try file.contains("input.class_id") ? file.integers("input.class_id") : nil
  let texts = try file.contains("input.context") ? file.tensor("input.context") : nil
  let conditions = try file.tensor("input.t").array.indices.map { row in
    Condition(
      classIndex: classes?[row],
      text: texts.map { $0.slice(row, count: 1).reshaped(Array($0.shape.dropFirst())) })
  }
  for name in ["model.safetensors", "model.pth"] where test.has(name) {
    let model = try UViT(configuration, Parameters(openCheckpoint(at: test.beside(name)), backend: test.backend))
    try verifyForward(&test, model, file, conditions, note: name)
  }
}

/// A prompt to a picture: CLIP's tokens and states, the run in single steps, the decoder; also with the original file.
@Sendable func verifyUViTPipeline(_ test: inout VerificationCase) throws {
  let file = try test.data()
  let configuration = try ConfigurationFile(test.beside("uvit/config.json"))
  guard let sizes = try ModelFamilies.configuration(configuration, ModelHints()) as? UViTConfiguration, let text = sizes.text,
    let encoder = try TextEncoders.configuration(of: test.beside("text_encoder"))
      .load(TextEncoders.open(test.beside("text_encoder")), backend: test.backend) as? CLIPTextEncoder
  else { throw VerificationError("no U-ViT that reads CLIP's text") }
  let tokenizer = try BytePairTokenizer(contentsOf: test.beside("tokenizer/merges.txt"), maximumLength: text.tokens)
  let prompts = test.manifest["prompts"]?.array?.compactMap(\.string) ?? []
  let ids = try prompts.map(tokenizer.encode)
  test.exact("ids", try ids == rows(of: "input.ids", in: file))
  let contexts = try encoder.encode(ids)
  let empty = try encoder.encode([tokenizer.encode("")])
  try test.compare("context", in: file, actual: .concatenated(contexts))
  try test.compare("null_context", in: file, actual: empty[0])

  let originals = try FileManager.default.contentsOfDirectory(atPath: test.directory.path).filter { $0.hasSuffix(".pth") }
  for weights in ["uvit"] + originals {
    let model = try sizes.load(openTransformer(at: test.beside(weights)), backend: test.backend)
    let start = try file.tensor("input.noise")
    let sampling = try sizes.traits.sampling
    var sampler = try SamplerRegistry.make(
      sampling.sampler, schedule: sampling.schedule, settings: SamplerSettings(steps: test.manifest["steps"]?.integer ?? 0))
    let denoiser = try GuidedDenoiser(
      model, conditional: contexts.map { Condition(text: $0) }, unconditional: contexts.map { _ in Condition(text: empty[0]) },
      guidance: Guidance(scale: Float(test.manifest["guidance_scale"]?.number ?? 1)), kind: .noise, grid: sizes.nativeGrid,
      levels: sampler.evaluationLevels)
    let orders = test.manifest["orders"]?.integers ?? []
    let ends = Set(orders.indices.map { orders[...$0].reduce(0, +) })
    var (predictions, states, foreseen): ([Tensor], [Tensor], [Tensor]) = ([], [], [])
    let latents = try sampler.run(
      from: start,
      predict: { x, evaluation in
        let prediction = try denoiser.predict(x, evaluation: evaluation)
        predictions.append(prediction.output)
        return prediction
      }, noise: { try Tensor(start.shape) },
      observe: { index, step in
        if ends.contains(index + 1) { states.append(step.latents) }
        foreseen.append(step.predictedOriginal)
      })
    let image = try loadAutoencoder(at: test.beside("vae"), backend: test.backend, encoder: false).decode(latents)
    try test.compare("first_prediction", in: file, actual: predictions[0], note: weights)
    try test.compare("states", in: file, actual: .concatenated(states), note: weights)
    try test.compare("pred_x0", in: file, actual: .concatenated(foreseen), note: weights)
    try test.compare("latents", in: file, actual: latents, note: weights)
    // diffusers decodes to −1…1.
    try test.compare("image", in: file, actual: Tensor(image.array.map { 2 * $0 - 1 }, image.shape), note: weights)
    try comparePixels(&test, file, image)
  }
}
