import DiTTensors

/// A transformer that predicts the noise in latents: DiT in all its forms, PixArt, SANA, U-ViT, UniDiffuser.
package protocol DiffusionTransformer: Sendable {
  /// Channels of the latents it reads and of the noise it predicts.
  var latentChannels: Int { get }
  /// Latent numbers along one side of a patch.
  var patchSize: Int { get }
  /// Whether class indices mean something to it.
  var readsClasses: Bool { get }
  /// Whether ``Condition/text`` means something to it.
  var readsText: Bool { get }

  /// Makes ready what does not change from step to step.
  /// - Parameters:
  ///   - conditions: one for each picture of the batch.
  ///   - grid: patches of one picture.
  ///   - timesteps: for each evaluation of the model one timestep for each picture, on the 0…999 scale.
  func prepare(_ conditions: [Condition], grid: Grid, timesteps: [[Float]]) throws -> any StagedRun
}

/// A transformer made ready for one set of pictures and one schedule. Not for use by several threads at a time.
package protocol TransformerRun: AnyObject {
  /// One evaluation.
  /// - Parameters:
  ///   - latents: [B, C, H, W] float32; with fewer pictures than conditions the first conditions are meant.
  ///   - evaluation: index into the timesteps of `prepare`.
  ///   - probe: is shown intermediate tensors, among them the state after every block.
  /// - Returns: [B, C or 2·C, H, W]: noise, then variance logits where the model learns them.
  func predict(_ latents: Tensor, evaluation: Int, probe: Probe?) throws -> Tensor

  /// Per block the mean attention to the text, over heads and over the evaluations since ``recordAttention()`` in which the
  /// block was computed: [batch, tokens, text length]; nil where nothing was recorded or the model reads no text.
  var attentionMaps: [Tensor]? { get throws }
  func recordAttention() throws
}

/// Tokens that a picture is conditioned on. A family reads the kinds that it was trained with, and takes their absence as
/// it was taught to: the null class, empty text.
package enum ConditionSegment: Sendable {
  /// One token: a row of the class table.
  case classIndex(Int)
  /// States [tokens, text size] of a text encoder, and how much each counts in cross-attention; nil: 1 each.
  case text(Tensor, weights: [Float]? = nil)
  /// A picture that words are drawn for: latents [1, C, h, w], and CLIP's embedding of it [1, 1, E].
  case picture(latents: Tensor, embedding: Tensor)
}

/// What one picture of a run is conditioned on.
package struct Condition: Sendable {
  package var segments: [ConditionSegment]
  /// How large the picture says it is in pixels, to models that are told; nil: 1024 both ways, what such models were
  /// trained at.
  package var extent: PictureExtent?
  /// The scale of guidance that it is told, to models that are drawn without a second branch.
  package var guidance: Float?
  /// What is drawn, of families that draw words as they draw pictures.
  package var draws: [Modality] = [.image]
  /// What stands, in those families, for what is neither drawn nor given.
  package var unknown: UnknownNoise?

  package init(_ segments: [ConditionSegment] = [], extent: PictureExtent? = nil) {
    self.segments = segments
    self.extent = extent
  }

  /// A class, a text, both or neither.
  package init(classIndex: Int? = nil, text: Tensor? = nil, weights: [Float]? = nil, extent: PictureExtent? = nil) {
    self.init(
      [classIndex.map { .classIndex($0) }, text.map { .text($0, weights: weights) }].compactMap { $0 }, extent: extent)
  }

  /// The class among the segments; nil: none.
  var classIndex: Int? {
    for case .classIndex(let index) in segments { return index }
    return nil
  }

  /// The text among the segments; nil: none.
  var text: (states: Tensor, weights: [Float]?)? {
    for case .text(let states, let weights) in segments { return (states, weights) }
    return nil
  }

  /// The picture among the segments; nil: none.
  var picture: (latents: Tensor, embedding: Tensor)? {
    for case .picture(let latents, let embedding) in segments { return (latents, embedding) }
    return nil
  }

  /// Whether both ask for the same: the same class, and the same states in memory.
  package func isSame(as other: Condition) -> Bool {
    classIndex == other.classIndex && text?.states.storage === other.text?.states.storage
      && picture?.latents.storage === other.picture?.latents.storage && draws == other.draws
  }
}

/// PixArt-α's micro-conditions: a picture's size in pixels and its height : width.
package struct PictureExtent: Hashable, Sendable {
  package var height, width, aspectRatio: Float

  package init(height: Float, width: Float, aspectRatio: Float? = nil) {
    self.height = height
    self.width = width
    self.aspectRatio = aspectRatio ?? height / width
  }
}

extension DiT: DiffusionTransformer {
  package var latentChannels: Int { configuration.inChannels }
  package var patchSize: Int { configuration.patchSize }
  package var readsClasses: Bool { true }
  package var readsText: Bool { configuration.textSize != nil }

  package func prepare(_ conditions: [Condition], grid: Grid, timesteps: [[Float]]) throws -> any StagedRun {
    try DiTRun(self, conditions: conditions, grid: grid, timesteps: timesteps)
  }
}
