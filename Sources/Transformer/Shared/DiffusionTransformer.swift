import DiTTensors

/// A transformer that predicts the noise in latents: DiT in all its forms, PixArt, U-ViT.
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
  func prepare(_ conditions: [Condition], grid: Grid, timesteps: [[Float]]) throws -> any TransformerRun
}

/// A transformer made ready for one set of pictures and one schedule. Not for use by several threads at a time.
package protocol TransformerRun: AnyObject {
  /// One evaluation.
  /// - Parameters:
  ///   - latents: [B, C, H, W] float32; with fewer pictures than conditions the first conditions are meant.
  ///   - evaluation: index into the timesteps of `prepare`.
  ///   - observe: is shown intermediate tensors by name.
  /// - Returns: [B, C or 2·C, H, W]: noise, then variance logits where the model learns them.
  func predict(_ latents: Tensor, evaluation: Int, observe: Observer?) throws -> Tensor

  /// Per block the mean attention to the text of all evaluations since ``recordAttention()``, added up:
  /// [batch, tokens, text length]; nil where nothing was recorded or the model reads no text.
  var attentionMaps: [Tensor]? { get }
  func recordAttention() throws
}

/// What one picture of a run is conditioned on.
package struct Condition {
  /// A class index; nil: the null class.
  package var classIndex: Int?
  /// Text states [tokens, text size] of the encoder; only models with text read them.
  package var text: Tensor?
  /// How large the picture says it is, to models that are told; nil: as large as it is drawn.
  package var extent: PictureExtent?
  /// How much each token counts in cross-attention, for each row of ``text``; nil: 1 each.
  package var textWeights: [Float]?

  package init(classIndex: Int? = nil, text: Tensor? = nil, extent: PictureExtent? = nil) {
    self.classIndex = classIndex
    self.text = text
    self.extent = extent
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

  package func prepare(_ conditions: [Condition], grid: Grid, timesteps: [[Float]]) throws -> any TransformerRun {
    try DiTRun(self, conditions: conditions, grid: grid, timesteps: timesteps)
  }
}
