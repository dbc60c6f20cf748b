import DiTAutoencoder
import DiTCheckpoints
import DiTDiffusion
import DiTImage
import DiTModels
import DiTTensors
import DiTText
import DiTTextToImage
import DiTTransformer
import Foundation

// MARK: captions

/// The caption decoder and its prefixes, under the names of diffusers and of its authors.
@Sendable func verifyCaptionLogits(_ test: inout VerificationCase) throws {
  let file = try test.data()
  let (clip, ids) = (try file.tensor("input.clip_text"), try rows(of: "input.ids", in: file))
  for place in ["text_decoder", "../v1-original/caption_decoder.pth"].map(test.beside) where isThere(place) {
    let decoder = try captionDecoder(place, test)
    var (texts, prefixes, logits): ([Tensor], [Tensor], [Tensor]) = ([], [], [])
    for (row, ids) in ids.enumerated() {
      let text = try decoder.text(of: clip.slice(row, count: 1).reshaped(Array(clip.shape.dropFirst())))
      let prefix = try decoder.prefix(of: text)
      texts.append(text)
      prefixes.append(prefix)
      logits.append(try decoder.start(prefix, ids: ids).logits)
    }
    let note = place.lastPathComponent
    try test.compare("text", in: file, actual: .concatenated(texts), note: note)
    try test.compare("prefix", in: file, actual: .concatenated(prefixes), note: note)
    try test.compare("logits", in: file, actual: .concatenated(logits), note: note)
  }
}

private func captionDecoder(_ place: URL, _ test: VerificationCase) throws -> CaptionDecoder {
  let sizes = try readConfiguration(CaptionConfiguration.self, at: test.beside("text_decoder/config.json"))
  return try CaptionDecoder(sizes, openCheckpoint(at: place), backend: test.backend)
}

/// Beam search: all beams with their tokens and scores, and their texts; the likeliest tokens alone.
@Sendable func verifyCaptions(_ test: inout VerificationCase) throws {
  let file = try test.data()
  let decoder = try captionDecoder(test.beside("text_decoder"), test)
  let vocabulary = try CaptionVocabulary(test.beside("text_tokenizer"))
  let texts = try file.tensor("input.text")
  test.exact("end token", test.manifest["eos"]?.integer == vocabulary.endID)
  var (found, scores, words): ([[Int]], [Float], [String]) = ([], [], [])
  var isGreedyRight = true
  let greedy = try rows(of: "expected.greedy_tokens", in: file)
  for row in 0..<texts.shape[0] {
    let text = texts.slice(row, count: 1).reshaped(Array(texts.shape.dropFirst()))
    let captions = try decoder.captions(
      of: text, endID: vocabulary.endID, beams: test.manifest["beam_size"]?.integer ?? 5,
      limit: test.manifest["entry_length"]?.integer ?? 67)
    found += captions.map(\.tokens)
    scores += captions.map { Float($0.score) }
    words.append(vocabulary.text(of: captions[0].tokens))
    let tokens = try decoder.greedyCaption(of: text, endID: vocabulary.endID)
    isGreedyRight = isGreedyRight && greedy[row].starts(with: tokens) && greedy[row].dropFirst(tokens.count).allSatisfy { $0 <= 0 }
  }
  try compareCaptions(&test, found, file)
  test.compare("scores", expected: try file.tensor("expected.scores").array, actual: scores)
  test.exact("texts", words == test.manifest["texts"]?.array?.compactMap(\.string))
  test.exact("greedy_tokens", isGreedyRight)
}

private func compareCaptions(_ test: inout VerificationCase, _ found: [[Int]], _ file: Checkpoint) throws {
  let lengths = try file.integers("expected.lengths")
  let golden = zip(try rows(of: "expected.tokens", in: file), lengths).map { Array($0.prefix($1)) }
  // Fewer bits choose other words: the float tolerances hold then, and this line only reports.
  let isSame = golden == found
  test.exact("tokens", isSame || test.backend.precision != .f32, note: isSame ? "" : "other words")
}

// MARK: whole runs

/// What a run needs, of a folder of diffusers.
private struct UniDiffuserParts {
  let sizes: UniDiffuserConfiguration
  let model: UniDiffuser
  let decoder: CaptionDecoder
  let vocabulary: CaptionVocabulary
  let test: VerificationCase

  init(_ test: VerificationCase) throws {
    self.test = test
    sizes = try readConfiguration(UniDiffuserConfiguration.self, at: test.beside("unet/config.json"))
    model = try UniDiffuser(sizes, openCheckpoint(at: test.beside("unet")), backend: test.backend)
    decoder = try captionDecoder(test.beside("text_decoder"), test)
    vocabulary = try CaptionVocabulary(test.beside("text_tokenizer"))
  }

  /// Prompts as CLIP's states and as what the transformer works on.
  func encoded(_ prompts: [String]) throws -> (ids: [[Int]], states: [Tensor], text: Tensor) {
    let tokenizer = try BytePairTokenizer(contentsOf: test.beside("clip_tokenizer/merges.txt"), maximumLength: sizes.textTokens)
    let ids = try prompts.map(tokenizer.encode)
    let folder = test.beside("text_encoder")
    let encoder = try TextEncoders.configuration(of: folder).load(TextEncoders.open(folder), backend: test.backend)
    let states = try encoder.encode(ids)
    let text = try Tensor.concatenated(states.map(decoder.text))
    return (ids, states, text.reshaped([ids.count, sizes.textTokens, sizes.textSize]))
  }

  func best(_ text: Tensor) throws -> [FoundCaption] {
    try (0..<text.shape[0]).map { row in
      try decoder.captions(of: text.slice(row, count: 1).reshaped(Array(text.shape.dropFirst())), endID: vocabulary.endID)[0]
    }
  }
}

/// One run of a mode with all its noise given: states after the sampler's blocks, and what it ends in.
private func walk(
  _ test: inout VerificationCase, _ parts: UniDiffuserParts, _ mode: UniDiffuserMode, given: UniDiffuserSample,
  _ prefix: String, multistep: Bool
) throws -> UniDiffuserSample {
  let file = try test.data()
  let schedule = try NoiseSchedule(.scaledLinear, betaStart: 0.00085, betaEnd: 0.012)
  var settings = SamplerSettings(steps: test.manifest["steps"]?.integer ?? 0)
  settings.order = 3
  var sampler = try SamplerRegistry.make(multistep ? "dpm++" : "dpm++3s", schedule: schedule, settings: settings)
  let denoiser = UniDiffuserDenoiser(
    parts.model, mode, given: given, scale: Float(test.manifest["guidance_scale"]?.number ?? 1),
    dataType: test.manifest["data_type"]?.integer ?? 1)
  let orders = test.manifest["orders"]?.integers ?? Array(repeating: 1, count: settings.steps)
  let ends = Set(orders.indices.map { orders[...$0].reduce(0, +) })
  let levels = sampler.evaluationLevels
  var (first, states): (Tensor?, [Tensor]) = (nil, [])
  let last = try sampler.run(
    from: given.reading(prefix + "start_", in: file).joined(mode.drawn),
    predict: { state, evaluation in
      let answer = try denoiser.predict(
        // The original counts from 1, diffusers from 0.
        state, time: Float(levels[evaluation].timestep) + (multistep ? 0 : 1),
        noise: { _ in try given.reading(prefix + "noise_", in: file, evaluation: evaluation) })
      first = first ?? answer.guided
      return Prediction(noise: answer.guided)
    }, noise: { try Tensor(given.joined(mode.drawn).shape) },
    observe: { if ends.contains($0 + 1) { states.append($1.latents) } })
  if let first { try test.compare(prefix + "first_prediction", in: file, actual: first) }
  try test.compare(prefix + "states", in: file, actual: .concatenated(states))
  return try given.replacing(mode.drawn, by: last)
}

/// Prompts or a picture to a picture, a caption, or both; through one of them to the other.
@Sendable func verifyUniDiffuserRun(_ test: inout VerificationCase) throws {
  let (file, parts) = (try test.data(), try UniDiffuserParts(test))
  let isDiffusers = test.manifest["kind"]?.string == "unidiffuser-run-diffusers"
  let name = test.manifest["mode"]?.string ?? ""
  let count = try file.tensor("expected.states").shape[1]
  var sample = try UniDiffuserSample(parts.sizes, count: count)
  if let prompts = test.manifest["prompts"]?.array?.compactMap(\.string) {
    let encoded = try parts.encoded(prompts)
    test.exact("ids", try encoded.ids == rows(of: "input.ids", in: file))
    try test.compare("clip_text", in: file, actual: .concatenated(encoded.states))
    try test.compare("condition_text", in: file, actual: encoded.text)
    sample.text = encoded.text
  }
  if file.contains("input.picture") { try condition(&test, &sample, parts, file) }
  let steps: [UniDiffuserMode] =
    switch name {
    case "i2t2i": [.imageToText, .textToImage]
    case "t2i2t": [.textToImage, .imageToText]
    default: [try UniDiffuserMode(named: name)]
    }
  for (index, mode) in steps.enumerated() {
    let prefix = index + 1 < steps.count ? "first." : ""
    sample = try walk(&test, parts, mode, given: sample, prefix, multistep: isDiffusers)
    if mode.drawn.contains(.image) {
      try test.compare(prefix + "latents", in: file, actual: sample.latents)
      try test.compare(prefix + "clip_image", in: file, actual: sample.clipImage)
    }
    if mode.drawn.contains(.text) { try test.compare(prefix + "text", in: file, actual: sample.text) }
  }
  if file.contains("expected.image") {
    let image = try loadAutoencoder(at: test.beside("vae"), backend: test.backend, encoder: false).decode(sample.latents)
    // diffusers decodes to −1…1.
    try test.compare("image", in: file, actual: Tensor(image.array.map { 2 * $0 - 1 }, image.shape))
    try comparePixels(&test, file, image)
  }
  if file.contains("expected.tokens") {
    let found = try parts.best(sample.text)
    try compareCaptions(&test, found.map(\.tokens), file)
    let words = found.map { parts.vocabulary.text(of: $0.tokens) }
    let isSame = words == test.manifest["texts"]?.array?.compactMap(\.string)
    test.exact("texts", isSame || test.backend.precision != .f32, note: isSame ? "" : "other words")
  }
}

/// A picture as the autoencoder's latents and CLIP's embedding.
private func condition(
  _ test: inout VerificationCase, _ sample: inout UniDiffuserSample, _ parts: UniDiffuserParts, _ file: Checkpoint
) throws {
  guard let shape = file["input.picture"]?.shape, let side = file["expected.square_u8"]?.shape.first else { return }
  let bytes = try file.integers("input.picture").map { UInt8(clamping: $0) }
  let square = try Picture(width: shape[1], height: shape[0], pixels: bytes).centerSquare(side)
  test.exact("square_u8", try square.pixels.map(Int.init) == file.integers("expected.square_u8"))
  let preparation = try readConfiguration(CLIPPreparation.self, at: test.beside("clip_image_processor/preprocessor_config.json"))
  let pixels = try preparation.pixels(of: square)
  try test.compare("pixel_values", in: file, actual: pixels)
  let clip = try readConfiguration(CLIPVisionConfiguration.self, at: test.beside("image_encoder/config.json"))
    .load(test.beside("image_encoder"), backend: test.backend)
  guard let embedding = try clip.states(of: pixels).embedding,
    let sizes = try AutoencoderSource(test.beside("vae")).configuration as? AutoencoderKLConfiguration
  else { throw VerificationError("no projection, or no AutoencoderKL") }
  try test.compare("image_embeds", in: file, actual: embedding)
  let autoencoder = try AutoencoderKL(sizes, checkpoint: openCheckpoint(at: test.beside("vae")), backend: test.backend)
  let moments = try autoencoder.distribution(of: Tensor(square.planes(), [1, 3, side, side]))
  try test.compare("moments_mean", in: file, actual: moments.mean)
  try test.compare("moments_std", in: file, actual: moments.standardDeviation())
  let noise = try file.tensor("input.noise_vae")
  let drawn = try (0..<noise.shape[0]).map { try moments.sample(noise.slice($0, count: 1)) }
  sample.latents = try sizes.scaling.scaled(.concatenated(drawn))
  sample.clipImage = try Tensor.concatenated((0..<noise.shape[0]).map { _ in embedding }).reshaped(sample.clipImage.shape)
  try test.compare("condition_latents", in: file, actual: sample.latents)
}
