import DiTCheckpoints
import DiTDiffusion
import DiTTensors

/// PixArt-α and -Σ, under the original's names and diffusers'.
package enum PixArtFamily: ModelFamily {
  package static let title = "PixArt-α and -Σ"
  package static let folder = FolderNames(pipelines: ["PixArtAlphaPipeline", "PixArtSigmaPipeline"])

  package static func configuration(
    _ file: ConfigurationFile, _ hints: ModelHints
  ) throws -> (any TransformerConfiguration)? {
    switch (file.className, file.fields["norm_type"]?.string) {
    case ("PixArtTransformer2DModel", _), ("Transformer2DModel", "ada_norm_single"): break
    default: return nil
    }
    var configuration = try file.read(PixArtConfiguration.self)
    configuration.isSigma = try isSigma(configuration, hints)
    configuration.isOneStep = isDistilled(hints.names + [file.fields["_name_or_path"]?.string].compactMap(\.self))
    return configuration
  }

  /// SDXL's `scaling_factor`.
  fileprivate static let sigmaScale: Float = 0.13025

  /// PixArt-DMD is told from the α that it was distilled from by its name alone.
  private static func isDistilled(_ names: [String]) -> Bool {
    names.contains { $0.lowercased().split { !$0.isLetter && !$0.isNumber }.contains("dmd") }
  }

  /// Whether a model is Σ. Its pipeline may say α, because Σ's transformers are published alone, to be put beside parts that
  /// say so; its other parts give it away. What is told the picture's size is α, at 1024 pixels; larger than 512 and not told
  /// it is Σ.
  private static func isSigma(_ configuration: PixArtConfiguration, _ hints: ModelHints) throws -> Bool {
    if hints.pipelineName?.hasPrefix("PixArtSigma") == true { return true }
    if let tokens = configuration.statedTokens { return tokens > 120 }
    if configuration.readsExtent { return false }
    if configuration.sampleSize > 64, !configuration.isSizeAssumed { return true }
    if let scale = try hints.latentScale(), Float(scale) == sigmaScale { return true }
    if let tokens = try hints.maximumTokens(), tokens == 300 { return true }
    return hints.pipelineName == nil && hints.names.contains { $0.lowercased().contains("sigma") }
  }

  package static let layouts = [
    CheckpointLayout(
      title: "a PixArt transformer",
      marks: ["x_embedder.proj.weight", "t_block.1.weight", "y_embedder.y_proj.fc1.weight"]
    ) { shapes, hints in
      try sizes(
        shapes, hints, "x_embedder.proj", "final_layer.linear", "y_embedder.y_proj.fc1",
        extent: "csize_embedder.mlp.0.weight")
    },
    CheckpointLayout(
      title: "a PixArt transformer in diffusers' names",
      marks: ["pos_embed.proj.weight", "adaln_single.linear.weight", "caption_projection.linear_1.weight"]
    ) { shapes, hints in
      try sizes(
        shapes, hints, "pos_embed.proj", "proj_out", "caption_projection.linear_1",
        extent: "adaln_single.emb.resolution_embedder.linear_1.weight")
    },
  ]

  private static func sizes(
    _ shapes: TensorShapes, _ hints: ModelHints, _ embedding: String, _ final: String, _ caption: String, extent: String
  ) throws -> PixArtConfiguration {
    let (width, channels, patch) = try shapes.patches(embedding)
    let stored = try shapes.side("pos_embed", patch: patch)
    var configuration = PixArtConfiguration(
      hiddenSize: width, depth: max(shapes.count("blocks."), shapes.count("transformer_blocks.")),
      heads: shapes.heads(width), patchSize: patch, inChannels: channels,
      learnsVariance: try shapes.learnsVariance(final, channels: channels, patch: patch), sampleSize: stored ?? 128,
      captionSize: try shapes.shape(caption + ".weight", rank: 2)[1], readsExtent: shapes.has(extent),
      interpolationScale: Double(stored ?? 128) / 64)
    // α at 1024 pixels is told the size, and is the only one that is.
    configuration.isSizeAssumed = stored == nil && !configuration.readsExtent
    configuration.statedTokens = shapes.rows("y_embedder.y_embedding")
    configuration.isOneStep = isDistilled(hints.names)
    let hasSigmaParts = ["blocks.0.attn.q_norm.weight", "transformer_blocks.0.attn1.norm_q.weight"].contains(where: shapes.has)
      || shapes.count("blocks.", having: ".attn.sr.weight") + shapes.count("transformer_blocks.", having: ".attn1.sr.weight") > 0
    configuration.isSigma = try hasSigmaParts && configuration.statedTokens == nil || isSigma(configuration, hints)
    // Most of Σ was trained at 1024 pixels; α without sizes at 512 or less.
    if configuration.isSizeAssumed, !configuration.isSigma { configuration.train(at: 64) }
    return configuration
  }
}

extension PixArtConfiguration {
  fileprivate mutating func train(at side: Int) { (sampleSize, interpolationScale) = (side, Double(side) / 64) }

  package func trained(at side: Int) -> (any TransformerConfiguration)? {
    guard side % patchSize == 0 else { return nil }
    var result = self
    result.train(at: side)
    result.isSizeAssumed = false
    return result
  }
}

extension PixArtConfiguration: TransformerConfiguration {
  package var latentChannels: Int { inChannels }
  package var latentSize: [Int] { [sampleSize, sampleSize] }
  package var askableClasses: Int { 0 }
  package var textSize: Int? { captionSize }
  package var blockCount: Int { depth }

  package var traits: TransformerTraits {
    var traits = TransformerTraits(pipelineName: isSigma ? "PixArtSigmaPipeline" : "PixArtAlphaPipeline")
    traits.sampling.steps = 20
    traits.sampling.guidanceScale = 4.5
    if isOneStep {
      (traits.sampling.sampler, traits.sampling.steps, traits.sampling.guidanceScale) = (DMD.name, 1, 1)
      traits.tellingName = "PixArt-Alpha-DMD"
      // Its own, and that of the pipeline whose other parts it is put beside.
      traits.trainingSchedulers = ["DDPMScheduler", "DPMSolverMultistepScheduler"]
    }
    traits.hasAspectBins = true
    traits.lowercasesPrompts = true
    traits.maximumTokens = statedTokens ?? (isSigma ? 300 : 120)
    traits.latentScale = isSigma ? PixArtFamily.sigmaScale : nil
    return traits
  }

  package func network(_ parameters: Parameters) throws -> any DiffusionTransformer { try PixArt(self, parameters) }

  package func names(in checkpoint: Checkpoint) -> ParameterNames {
    checkpoint.contains("x_embedder.proj.weight") ? .official : .diffusersPixArt
  }
  package var namings: [ParameterNames] { [.official, .diffusersPixArt] }

  package var fields: JSONValue {
    let number = { (value: Int) in JSONValue.number(Double(value)) }
    return .object([
      "_class_name": .string("PixArtTransformer2DModel"), "num_attention_heads": number(heads),
      "attention_head_dim": number(hiddenSize / heads), "num_layers": number(depth), "in_channels": number(inChannels),
      "out_channels": number(outChannels), "patch_size": number(patchSize), "sample_size": number(sampleSize),
      "caption_channels": number(captionSize), "cross_attention_dim": number(hiddenSize),
      "use_additional_conditions": .bool(readsExtent), "interpolation_scale": .number(interpolationScale),
      "norm_type": .string("ada_norm_single"), "norm_eps": .number(1e-6),
    ])
  }
}

extension ParameterNames {
  /// diffusers' `PixArtTransformer2DModel`.
  package static let diffusersPixArt = diffusers([
    ("x_embedder.proj", "pos_embed.proj"),
    ("t_embedder.mlp.0", "adaln_single.emb.timestep_embedder.linear_1"),
    ("t_embedder.mlp.2", "adaln_single.emb.timestep_embedder.linear_2"),
    ("csize_embedder.mlp.0", "adaln_single.emb.resolution_embedder.linear_1"),
    ("csize_embedder.mlp.2", "adaln_single.emb.resolution_embedder.linear_2"),
    ("ar_embedder.mlp.0", "adaln_single.emb.aspect_ratio_embedder.linear_1"),
    ("ar_embedder.mlp.2", "adaln_single.emb.aspect_ratio_embedder.linear_2"),
    ("t_block.1", "adaln_single.linear"), ("y_embedder.y_proj.fc1", "caption_projection.linear_1"),
    ("y_embedder.y_proj.fc2", "caption_projection.linear_2"), ("final_layer.linear", "proj_out"),
    ("final_layer.scale_shift_table", "scale_shift_table"),
  ])
}
