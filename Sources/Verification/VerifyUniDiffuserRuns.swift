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
  return try CaptionDecoder(sizes, place, backend: test.backend)
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

/// One run of a mode with all its noise given: states after the sampler's blocks, and what it ends in.
private func walk(
  _ test: inout VerificationCase, _ transformer: any DiffusionTransformer, _ folder: ModelFolder, _ step: UniDiffuserMode,
  _ known: [KnownPair], _ prefix: String
) throws -> (form: DrawnForm, drawn: Tensor) {
  let file = try test.data()
  var request = folder.defaultRequest
  request.size = folder.nativeSize
  request.steps = test.manifest["steps"]?.integer ?? 0
  request.guidanceScale = Float(test.manifest["guidance_scale"]?.number ?? 1)
  let walk = try Walk(
    transformer, folder, step, known: known, folder.sampler(for: request), request.guidance,
    grid: folder.transformer.nativeGrid,
    unknown: { givenNoise(prefix + "noise_", of: $0, in: file, byEvaluation: true) })
  let orders = test.manifest["orders"]?.integers ?? Array(repeating: 1, count: request.steps)
  let ends = Set(orders.indices.map { orders[...$0].reduce(0, +) })
  var (first, states): (Tensor?, [Tensor]) = (nil, [])
  let drawn = try walk.run(
    from: walk.start(walk.form.reading(prefix + "start_", in: file)),
    noise: { throw VerificationError("a sampler without noise asks for some") },
    probe: { point, noise in if point == .guidedNoise(evaluation: 0) { first = try noise.copy() } },
    observe: { if ends.contains($0 + 1) { states.append($1.latents) } })
  if let first { try test.compare(prefix + "first_prediction", in: file, actual: first) }
  try test.compare(prefix + "states", in: file, actual: .concatenated(states))
  return (walk.form, drawn)
}

/// Prompts or a picture to a picture, a caption, or both; through one of them to the other.
@Sendable func verifyUniDiffuserRun(_ test: inout VerificationCase) throws {
  let file = try test.data()
  let isDiffusers = test.manifest["kind"]?.string == "unidiffuser-run-diffusers"
  let folder = try ModelFolder(test.directory, options: ModelOptions(compatibility: isDiffusers ? .diffusers : .official))
  let name = test.manifest["mode"]?.string ?? ""
  var known = try (0..<file.tensor("expected.states").shape[1]).map { _ in KnownPair() }
  try read(&test, &known, folder, file)
  let transformer = try folder.transformer.load(folder.transformerCheckpoint([]), backend: test.backend)
  let steps: [UniDiffuserMode] =
    switch name {
    case "i2t2i": DrawingMode.variation.steps
    case "t2i2t": [.textToImage, .imageToText]
    default: [try UniDiffuserMode(named: name)]
    }
  for (index, step) in steps.enumerated() {
    let prefix = index + 1 < steps.count ? "first." : ""
    let (form, drawn) = try walk(&test, transformer, folder, step, known, prefix)
    try compare(&test, prefix, form, drawn, step.drawn, file)
    let (latents, embedding, text) = (
      try form.part(.latents, of: drawn), try form.part(.embedding, of: drawn), try form.part(.text, of: drawn)
    )
    for picture in known.indices {
      if let latents, let embedding {
        known[picture].picture = .picture(
          latents: latents.slice(picture, count: 1), embedding: embedding.slice(picture, count: 1))
      }
      if let text { known[picture].words = .text(text.slice(picture, count: 1).reshaped(Array(text.shape.dropFirst()))) }
    }
    if file.contains("expected.image"), index == steps.count - 1, let latents {
      let image = try folder.autoencoder.load(backend: test.backend, encoder: false).decode(latents)
      // diffusers decodes to −1…1.
      try test.compare("image", in: file, actual: Tensor(image.array.map { 2 * $0 - 1 }, image.shape))
      try comparePixels(&test, file, image)
    }
    if file.contains("expected.tokens"), index == steps.count - 1, let text { try compareWords(&test, text, file) }
  }
}

/// The words of texts that were drawn.
private func compareWords(_ test: inout VerificationCase, _ texts: Tensor, _ file: Checkpoint) throws {
  let decoder = try captionDecoder(test.beside("text_decoder"), test)
  let vocabulary = try CaptionVocabulary(test.beside("text_tokenizer"))
  let found = try (0..<texts.shape[0]).map { row in
    try decoder.captions(
      of: texts.slice(row, count: 1).reshaped(Array(texts.shape.dropFirst())), endID: vocabulary.endID)[0]
  }
  try compareCaptions(&test, found.map(\.tokens), file)
  let words = found.map { vocabulary.text(of: $0.tokens) }
  let isSame = words == test.manifest["texts"]?.array?.compactMap(\.string)
  test.exact("texts", isSame || test.backend.precision != .f32, note: isSame ? "" : "other words")
}

/// What a run begins with: prompts as CLIP's states and as what the transformer works on, or a picture as the autoencoder's latents
/// and CLIP's embedding.
private func read(
  _ test: inout VerificationCase, _ known: inout [KnownPair], _ folder: ModelFolder, _ file: Checkpoint
) throws {
  if let prompts = test.manifest["prompts"]?.array?.compactMap(\.string), let text = folder.text {
    let ids = try prompts.map(text.makeTokenizer().encode)
    test.exact("ids", try ids == rows(of: "input.ids", in: file))
    let states = try text.configuration.load(text.openWeights(), backend: test.backend).encode(ids)
    try test.compare("clip_text", in: file, actual: .concatenated(states))
    let read = try text.load(backend: test.backend).encode(ids)
    try test.compare("condition_text", in: file, actual: .concatenated(read))
    for (picture, states) in read.enumerated() { known[picture].words = .text(states) }
  }
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
    let sizes = folder.autoencoder.configuration as? AutoencoderKLConfiguration
  else { throw VerificationError("no projection, or no AutoencoderKL") }
  try test.compare("image_embeds", in: file, actual: embedding)
  let autoencoder = try AutoencoderKL(sizes, checkpoint: folder.autoencoder.tensors, backend: test.backend)
  let moments = try autoencoder.distribution(of: Tensor(square.planes(), [1, 3, side, side]))
  try test.compare("moments_mean", in: file, actual: moments.mean)
  try test.compare("moments_std", in: file, actual: moments.standardDeviation())
  let noise = try file.tensor("input.noise_vae")
  let drawn = try (0..<noise.shape[0]).map { try moments.sample(noise.slice($0, count: 1)) }
  let latents = try sizes.scaling.scaled(.concatenated(drawn))
  try test.compare("condition_latents", in: file, actual: latents)
  for picture in known.indices {
    known[picture].picture = .picture(
      latents: latents.slice(picture, count: 1), embedding: embedding.reshaped([1, 1, embedding.count]))
  }
}
