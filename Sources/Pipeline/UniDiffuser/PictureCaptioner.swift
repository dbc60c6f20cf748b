import DiTAutoencoder
import DiTCheckpoints
import DiTDiffusion
import DiTImage
import DiTTensors
import DiTText
import DiTTransformer

/// What a picture shows, in words.
package struct PictureCaption: Sendable {
  package let text: String
  /// Mean log probability of its tokens.
  package let score: Double
}

/// How captions are drawn.
package struct CaptionRequest: Sendable {
  /// Evaluations of the sampler.
  package var steps = 50
  /// How much the picture counts: 1 is no guidance.
  package var guidanceScale: Float = 8
  package var seed: UInt64 = 0
  /// Beams of the search, each of which is a caption.
  package var beams = 5

  package init() {}
}

/// Says what pictures show, by UniDiffuser (Bao et al. 2023, arXiv 2303.06555): the text is drawn given the picture, as a picture
/// is given a text, and put into words.
package struct PictureCaptioner {
  private let folder: UniDiffuserFolder
  private let backend: Backend

  package init(_ folder: UniDiffuserFolder, backend: Backend) { (self.folder, self.backend) = (folder, backend) }

  /// Captions of pictures, of each the likeliest first. Each comes out the same as if it were alone; every network is loaded
  /// once, and released before the next.
  /// - Parameter onStep: is told how far it is, of all pictures together; throw from it to stop.
  /// - Throws: one-line errors of the parts, naming file and tensor, or that memory is short.
  package func captions(
    of pictures: [Picture], _ request: CaptionRequest, onStep: (_ step: Int, _ steps: Int) throws -> Void = { _, _ in }
  ) throws -> [[PictureCaption]] {
    guard (1...1000).contains(request.steps) else { throw RequestError.steps(request.steps) }
    guard request.guidanceScale >= 0, request.guidanceScale <= 100 else { throw RequestError.guidance(request.guidanceScale) }
    // The noise of a picture is its own, whatever is beside it.
    var generators = pictures.map { _ in TorchRandom(seed: request.seed) }
    let given = try encoded(pictures, &generators)
    let texts = try drawn(given, &generators, request, onStep)
    let decoder = try CaptionDecoder(folder.captions, folder.weights("text_decoder"), backend: backend)
    let vocabulary = try CaptionVocabulary(folder.url.appendingPathComponent("text_tokenizer"))
    return try texts.map { text in
      try decoder.captions(of: text, endID: vocabulary.endID, beams: request.beams)
        .map { PictureCaption(text: vocabulary.text(of: $0.tokens), score: $0.score) }
    }
  }

  /// Pictures as the transformer reads them: latents, which are sampled, and CLIP's embedding, both of the middle square.
  private func encoded(_ pictures: [Picture], _ generators: inout [TorchRandom]) throws -> [UniDiffuserSample] {
    let squares = try pictures.map { try $0.centerSquare(folder.side) }
    let clip = try folder.image.load(folder.url.appendingPathComponent("image_encoder"), backend: backend)
    let embeddings = try squares.map { square in
      guard let embedding = try clip.states(of: folder.preparation.pixels(of: square)).embedding else {
        throw LoadError.missing(file: folder.url.appendingPathComponent("image_encoder").path, tensor: "visual_projection.weight")
      }
      return embedding
    }
    guard let sizes = folder.autoencoder.configuration as? AutoencoderKLConfiguration else {
      throw ConfigurationError.wrong(
        file: folder.url.appendingPathComponent("vae").path, reason: "UniDiffuser reads pictures with an AutoencoderKL")
    }
    let autoencoder = try AutoencoderKL(sizes, checkpoint: folder.autoencoder.tensors, backend: backend)
    return try squares.enumerated().map { index, square in
      let moments = try autoencoder.distribution(of: Tensor(square.planes(), [1, 3, folder.side, folder.side]))
      let latents = try sizes.scaling.scaled(moments.sample(generators[index].randn(moments.mean.shape)))
      return UniDiffuserSample(
        latents: latents, clipImage: embeddings[index].reshaped([1, 1, folder.transformer.clipSize]),
        text: try Tensor([1, folder.transformer.textTokens, folder.transformer.textSize]))
    }
  }

  /// The texts that go with pictures, [tokens, size] each.
  private func drawn(
    _ given: [UniDiffuserSample], _ generators: inout [TorchRandom], _ request: CaptionRequest,
    _ onStep: (_ step: Int, _ steps: Int) throws -> Void
  ) throws -> [Tensor] {
    let model = try UniDiffuser(folder.transformer, folder.weights("unet"), backend: backend)
    let mode = UniDiffuserMode.imageToText
    let schedule = try NoiseSchedule(.scaledLinear, betaStart: 0.00085, betaEnd: 0.012)
    return try given.indices.map { index in
      let sample = given[index]
      var sampler = try SamplerRegistry.make(
        DPMSolverSinglestep.name, schedule: schedule, settings: SamplerSettings(steps: request.steps))
      let levels = sampler.evaluationLevels
      let denoiser = UniDiffuserDenoiser(model, mode, given: sample, scale: request.guidanceScale)
      let text = try sampler.run(
        from: generators[index].randn(sample.joined(mode.drawn).shape),
        predict: { state, evaluation in
          // The original counts its times from 1.
          let answer = try denoiser.predict(state, time: Float(levels[evaluation].timestep) + 1) { _ in
            UniDiffuserSample(
              latents: try generators[index].randn(sample.latents.shape),
              clipImage: try generators[index].randn(sample.clipImage.shape), text: sample.text)
          }
          return Prediction(noise: answer.guided)
        }, noise: { try generators[index].randn(sample.text.shape) },
        observe: { step, _ in try onStep(index * request.steps + step + 1, given.count * request.steps) })
      return text.reshaped([folder.transformer.textTokens, folder.transformer.textSize])
    }
  }
}
