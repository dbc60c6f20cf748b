import DiTCheckpoints
import DiTDiffusion
import DiTTensors

/// SANA, SANA-1.5 and SANA-Sprint, under NVlabs' names and diffusers'.
package enum SanaFamily: ModelFamily {
  package static let title = "SANA and SANA-Sprint"
  package static let folder = FolderNames(
    pipelines: ["SanaPipeline", "SanaSprintPipeline", "SanaPAGPipeline", "SanaSprintImg2ImgPipeline"])

  package static func configuration(
    _ file: ConfigurationFile, _ hints: ModelHints
  ) throws -> (any TransformerConfiguration)? {
    guard file.className == "SanaTransformer2DModel" else { return nil }
    return try file.read(SanaConfiguration.self)
  }

  package static let layouts = [
    CheckpointLayout(
      title: "a SANA transformer", marks: ["x_embedder.proj.weight", "attention_y_norm.weight", "t_block.1.weight"]
    ) { shapes, _ in
      try sizes(shapes, .official, guidance: "cfg_embedder.mlp.0.weight", blocks: "blocks.")
    },
    CheckpointLayout(
      title: "a SANA transformer in diffusers' names",
      marks: ["patch_embed.proj.weight", "caption_norm.weight", "time_embed.linear.weight"]
    ) { shapes, _ in
      try sizes(shapes, .diffusersSana, guidance: guidanceEmbedder, blocks: "transformer_blocks.")
    },
  ]

  fileprivate static let guidanceEmbedder = "time_embed.guidance_embedder.linear_1.weight"

  /// Heads are those of the published models, which no tensor tells: 32 numbers each, and 112 or 72 in cross-attention.
  private static func sizes(
    _ shapes: TensorShapes, _ names: ParameterNames, guidance: String, blocks: String
  ) throws -> SanaConfiguration {
    func name(_ official: String) -> String { names.name(of: official) }
    func layer(_ official: String) -> String { String(name(official + ".weight").dropLast(".weight".count)) }
    let (width, channels, patch) = try shapes.patches(layer("x_embedder.proj"))
    guard width % 32 == 0 else { throw shapes.needsConfiguration() }
    let stored = try shapes.side("pos_embed", patch: patch)
    let inner = try shapes.shape(name("blocks.0.mlp.point_conv.conv.weight"), rank: 4)[1]
    let crossHead = [112, 72].first { width % $0 == 0 } ?? 32
    var configuration = SanaConfiguration(
      depth: shapes.count(blocks), hiddenSize: width, crossHeads: width / crossHead, patchSize: patch, inChannels: channels,
      captionSize: try shapes.shape(name("y_embedder.y_proj.fc1.weight"), rank: 2)[1], innerSize: inner)
    configuration.learnsVariance = try shapes.learnsVariance(layer("final_layer.linear"), channels: channels, patch: patch)
    configuration.hasAttentionBias = shapes.has(name("blocks.0.attn.qkv.bias"))
    configuration.normalisesQueries = shapes.has(name("blocks.0.attn.q_norm.weight"))
    configuration.readsGuidance = shapes.has(guidance)
    configuration.train(at: stored ?? 32)
    configuration.isSizeAssumed = stored == nil
    return configuration
  }
}

extension SanaConfiguration {
  /// Positions came with the sizes beyond 1024 pixels: 64 and 128 latents a side.
  fileprivate mutating func train(at side: Int) {
    sampleSize = side
    interpolationScale = side >= 64 ? Double(side) / 64 : nil
  }

  package func trained(at side: Int) -> (any TransformerConfiguration)? {
    guard isSizeAssumed, side % patchSize == 0 else { return nil }
    var result = self
    result.train(at: side)
    result.isSizeAssumed = false
    return result
  }
}

extension SanaConfiguration: TransformerConfiguration {
  package var latentChannels: Int { inChannels }
  package var latentSize: [Int] { [sampleSize, sampleSize] }
  package var askableClasses: Int { 0 }
  package var textSize: Int? { captionSize }
  package var blockCount: Int { depth }

  package var traits: TransformerTraits {
    var traits = TransformerTraits(pipelineName: readsGuidance ? "SanaSprintPipeline" : "SanaPipeline")
    traits.sampling.guidanceScale = Sana.usualGuidance
    if readsGuidance {
      (traits.sampling.sampler, traits.sampling.steps) = (SCM.name, 2)
      traits.sampling.schedule = NoiseSchedule(.straight(shift: 1, scale: 1))
    } else {
      traits.sampling.steps = 20
      traits.sampling.schedule = NoiseSchedule(.straight(shift: sampleSize > 64 ? 6 : 3, scale: 1000))
    }
    traits.embedsGuidance = readsGuidance
    traits.hasAspectBins = true
    traits.lowercasesPrompts = true
    traits.maximumTokens = 300
    traits.releasesEncoder = true
    traits.latentScale = 0.41407
    return traits
  }

  package func network(_ parameters: Parameters) throws -> any DiffusionTransformer { try Sana(self, parameters) }

  package func names(in checkpoint: Checkpoint) -> ParameterNames {
    checkpoint.contains("x_embedder.proj.weight") ? .official : diffusersNames
  }
  package var namings: [ParameterNames] { [.official, diffusersNames] }
  /// Where guidance is embedded, the timestep's embedder lies beside its embedder.
  private var diffusersNames: ParameterNames { readsGuidance ? .diffusersSanaSprint : .diffusersSana }

  package var fields: JSONValue {
    let number = { (value: Int) in JSONValue.number(Double(value)) }
    return .object([
      "_class_name": .string("SanaTransformer2DModel"), "num_attention_heads": number(heads),
      "attention_head_dim": number(headSize), "num_layers": number(depth), "num_cross_attention_heads": number(crossHeads),
      "cross_attention_head_dim": number(hiddenSize / crossHeads), "cross_attention_dim": number(hiddenSize),
      "in_channels": number(inChannels), "out_channels": number(outChannels), "patch_size": number(patchSize),
      "sample_size": number(sampleSize), "caption_channels": number(captionSize),
      "mlp_ratio": .number(mlpRatio), "attention_bias": .bool(hasAttentionBias),
      "qk_norm": normalisesQueries ? .string("rms_norm_across_heads") : .null,
      "norm_elementwise_affine": .bool(false), "norm_eps": .number(1e-6),
      "interpolation_scale": interpolationScale.map { .number($0) } ?? .null, "guidance_embeds": .bool(readsGuidance),
      "guidance_embeds_scale": .number(decimal(guidanceFactor)), "timestep_scale": .number(decimal(timestepFactor)),
    ])
  }

  /// Of which ``innerSize`` is the product with the width, rounded down.
  private var mlpRatio: Double {
    let ratio = Double(innerSize) / Double(hiddenSize)
    return Int(ratio * Double(hiddenSize)) == innerSize ? ratio : ratio.nextUp
  }

  /// 0.1, not what float32 makes of it.
  private func decimal(_ value: Float) -> Double { Double("\(value)") ?? Double(value) }
}

extension ParameterNames {
  /// diffusers' `SanaTransformer2DModel`.
  package static let diffusersSana = sana([
    ("t_embedder.mlp.0", "time_embed.emb.timestep_embedder.linear_1"),
    ("t_embedder.mlp.2", "time_embed.emb.timestep_embedder.linear_2"),
  ])
  /// The same with embedded guidance.
  package static let diffusersSanaSprint = sana([
    ("t_embedder.mlp.0", "time_embed.timestep_embedder.linear_1"),
    ("t_embedder.mlp.2", "time_embed.timestep_embedder.linear_2"),
    ("cfg_embedder.mlp.0", "time_embed.guidance_embedder.linear_1"),
    ("cfg_embedder.mlp.2", "time_embed.guidance_embedder.linear_2"),
  ])

  private static func sana(_ embedders: [(official: String, stored: String)]) -> ParameterNames {
    diffusers(
      embedders + [
        ("x_embedder.proj", "patch_embed.proj"), ("t_block.1", "time_embed.linear"),
        ("y_embedder.y_proj.fc1", "caption_projection.linear_1"), ("y_embedder.y_proj.fc2", "caption_projection.linear_2"),
        ("attention_y_norm", "caption_norm"), ("final_layer.linear", "proj_out"),
        ("final_layer.scale_shift_table", "scale_shift_table"),
      ])
  }
}
