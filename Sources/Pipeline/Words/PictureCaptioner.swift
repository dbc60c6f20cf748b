import DiTDiffusion
import DiTImage
import DiTModels
import DiTTensors
import DiTText
import DiTTransformer
import Foundation

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
  private let folder: ModelFolder
  private let backend: Backend

  /// - Throws: ``ModelError`` for a model that draws no words.
  package init(_ folder: ModelFolder, backend: Backend) throws {
    (self.folder, self.backend) = (folder, backend)
    _ = try folder.vocabulary()
  }

  /// Captions of pictures, of each the likeliest first. Each comes out the same as if it were alone; every network is loaded
  /// once, and released before the next.
  /// - Parameter onStep: is told how far it is, of all pictures together; throw from it to stop.
  /// - Throws: one-line errors of the parts, naming file and tensor, or that memory is short.
  package func captions(
    of pictures: [Picture], _ request: CaptionRequest, onStep: (_ step: Int, _ steps: Int) throws -> Void = { _, _ in }
  ) throws -> [[PictureCaption]] {
    try PictureReader.check(folder, asGiven: true)
    try folder.check(settings(request))
    // The noise of a picture is its own, whatever is beside it.
    let noises = pictures.map { _ in BatchNoise(seeds: [request.seed]) }
    let known = try zip(PictureReader(folder, backend: backend).read(pictures), noises).map { read, noise in
      var known = KnownPair()
      known.picture = try read.segment(noise.randn(Array(read.shape.dropFirst())))
      return known
    }
    return try captions(.caption, known, noises, request, onStep)
  }

  /// Texts of no picture, one for each seed.
  /// - Throws: as ``captions(of:_:onStep:)``.
  package func texts(
    seeds: [UInt64], _ request: CaptionRequest, onStep: (_ step: Int, _ steps: Int) throws -> Void = { _, _ in }
  ) throws -> [[PictureCaption]] {
    try folder.check(settings(request))
    return try captions(.text, seeds.map { _ in KnownPair() }, seeds.map { BatchNoise(seeds: [$0]) }, request, onStep)
  }

  private func settings(_ request: CaptionRequest) -> GenerationRequest {
    var settings = folder.defaultRequest
    (settings.steps, settings.guidanceScale) = (request.steps, request.guidanceScale)
    return settings
  }

  private func captions(
    _ mode: DrawingMode, _ known: [KnownPair], _ noises: [BatchNoise], _ request: CaptionRequest,
    _ onStep: (_ step: Int, _ steps: Int) throws -> Void
  ) throws -> [[PictureCaption]] {
    let texts = try drawn(mode, known, noises, settings(request), onStep)
    return try CaptionWriter(folder, backend: backend).captions(of: texts, beams: request.beams)
  }

  /// The texts, [tokens, size] each.
  private func drawn(
    _ mode: DrawingMode, _ known: [KnownPair], _ noises: [BatchNoise], _ settings: GenerationRequest,
    _ onStep: (_ step: Int, _ steps: Int) throws -> Void
  ) throws -> [Tensor] {
    let transformer = try folder.transformer.load(folder.transformerCheckpoint([]), backend: backend)
    let step = mode.steps[0]
    return try zip(known, noises).enumerated().compactMap { index, one in
      let (known, noise) = one
      let walk = try Walk(
        transformer, folder, step, known: [known], folder.sampler(for: settings), settings.guidance,
        grid: folder.transformer.nativeGrid,
        unknown: { _ in { _, shapes, _ in try shapes.map { try noise.randn($0, picture: 0) } } })
      let fresh = { try walk.form.joined { _, shape in try noise.randn(shape) } }
      let state = try walk.run(
        from: walk.start(fresh()), noise: fresh,
        observe: { step, _ in try onStep(index * walk.count + step + 1, noises.count * walk.count) })
      return try walk.form.part(.text, of: state)?.removingBatch()
    }
  }
}

/// Puts texts that were drawn into words.
struct CaptionWriter {
  private let decoder: CaptionDecoder
  private let vocabulary: CaptionVocabulary

  init(_ folder: ModelFolder, backend: Backend) throws {
    guard let captions = folder.captions else { throw ModelError.noWords(path: folder.url.path, what: folder.name) }
    vocabulary = try CaptionVocabulary(folder.vocabulary())
    decoder = try CaptionDecoder(captions.configuration, captions.decoder, backend: backend)
  }

  /// Of each text [tokens, size] all captions that are found, the likeliest first.
  func captions(of texts: [Tensor], beams: Int = 5) throws -> [[PictureCaption]] {
    try texts.map { text in
      try decoder.captions(of: text, endID: vocabulary.endID, beams: beams)
        .map { PictureCaption(text: vocabulary.text(of: $0.tokens), score: $0.score) }
    }
  }
}

extension ModelFolder {
  /// Folder of the pieces that captions are made of.
  /// - Throws: ``ModelError``.
  fileprivate func vocabulary() throws -> URL {
    guard let captions else { throw ModelError.noWords(path: url.path, what: name) }
    return try captions.vocabulary()
  }
}

extension Tensor {
  /// [1, a, b] as [a, b].
  func removingBatch() -> Tensor { reshaped(Array(shape.dropFirst())) }
}
