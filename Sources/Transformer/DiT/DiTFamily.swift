import DiTCheckpoints
import DiTDiffusion
import DiTTensors

/// DiT: the official models, diffusers' form of them, and this project's own with text.
package enum DiTFamily: ModelFamily {
  package static let title = "DiT"
  package static let folder = FolderNames(pipelines: ["DiTPipeline", "DiTTextToImagePipeline"])

  package static func configuration(
    _ file: ConfigurationFile, _ hints: ModelHints
  ) throws -> (any TransformerConfiguration)? {
    // Before diffusers had a class of its own for it, it was a Transformer2DModel.
    switch (file.className, file.fields["norm_type"]?.string) {
    case ("DiTTextTransformer2DModel", _): try file.read(DiTConfiguration.self)
    case ("DiT", _): try file.read(DiTConfiguration.self).following(hints.compatibility ?? .official)
    case ("DiTTransformer2DModel", _), ("Transformer2DModel", "ada_norm_zero"):
      try file.read(DiffusersDiTConfiguration.self).configuration(hints.compatibility ?? .diffusers)
    default: nil
    }
  }

  package static let layouts = [
    CheckpointLayout(
      title: "a text DiT of this program", marks: ["y_table.weight", "x_embedder.weight", "t_mlp.0.weight"]
    ) { shapes, _ in throw shapes.needsConfiguration() },  // its base grid is in no tensor
    CheckpointLayout(
      title: "a class-conditional DiT",
      marks: [
        "x_embedder.proj.weight", "t_embedder.mlp.0.weight", "y_embedder.embedding_table.weight",
        "blocks.0.adaLN_modulation.1.weight",
      ]
    ) { shapes, hints in
      try sizes(shapes, "x_embedder.proj", "y_embedder.embedding_table", "final_layer.linear")
        .following(hints.compatibility ?? .official)
    },
    CheckpointLayout(
      title: "a class-conditional DiT in diffusers' names",
      marks: ["pos_embed.proj.weight", "\(embedders)class_embedder.embedding_table.weight"]
    ) { shapes, hints in
      try sizes(shapes, "pos_embed.proj", "\(embedders)class_embedder.embedding_table", "proj_out_2")
        .following(hints.compatibility ?? .diffusers)
    },
  ]

  /// diffusers copies the timestep and class embedders into every block; block 0's are read.
  fileprivate static let embedders = "transformer_blocks.0.norm1.emb."

  private static func sizes(
    _ shapes: TensorShapes, _ embedding: String, _ classTable: String, _ final: String
  ) throws -> DiTConfiguration {
    let (width, channels, patch) = try shapes.patches(embedding)
    let rows = try shapes.shape(classTable + ".weight", rank: 2)[0]
    let expansions = ["blocks.0.mlp.fc1.weight", "transformer_blocks.0.ff.net.0.proj.weight"]
    let mlp = try shapes.shape(expansions.first(where: shapes.has) ?? expansions[0], rank: 2)[0]
    // train.py always trains with a row for "none", the last.
    let hasNull = rows > 1
    // Without stored positions: the smaller of the two published sizes.
    let stored = try shapes.side("pos_embed", patch: patch) ?? shapes.side("pos_embed.pos_embed", patch: patch)
    let side = stored ?? 32
    var configuration = DiTConfiguration(
      hiddenSize: width, depth: max(shapes.count("blocks."), shapes.count("transformer_blocks.")),
      heads: shapes.heads(width), patchSize: patch, inChannels: channels, classes: hasNull ? rows - 1 : rows,
      hasNullClass: hasNull, learnsVariance: try shapes.learnsVariance(final, channels: channels, patch: patch),
      sampleSize: [side, side], positions: .perAxis(extent: Double(side / patch)))
    configuration.mlpRatio = Double(mlp) / Double(width)
    configuration.isSizeAssumed = stored == nil
    return configuration
  }
}

extension DiTConfiguration: TransformerConfiguration {
  package var latentChannels: Int { inChannels }
  package var latentSize: [Int] { sampleSize }
  package var askableClasses: Int { classes }
  package var blockCount: Int { depth }

  package var traits: TransformerTraits {
    var traits = TransformerTraits(pipelineName: textSize == nil ? "DiTPipeline" : "DiTTextToImagePipeline")
    // The recipe writes down the noise of its training; samplers are the program's matter.
    if textSize != nil { traits.trainingSchedulers = ["DDPMScheduler"] }
    // The published code: scale 4 on three channels. Its 250 ancestral steps are `--sampler ddpm --steps 250`.
    // diffusers guides every channel.
    if textSize == nil, compatibility == .official { traits.sampling.channels = .official }
    return traits
  }

  /// Ours maps every area onto its base grid, which the configuration always says.
  package func trained(at side: Int) -> (any TransformerConfiguration)? {
    guard case .perAxis = positions, side % patchSize == 0 else { return nil }
    var result = self
    (result.sampleSize, result.isSizeAssumed) = ([side, side], false)
    result.positions = .perAxis(extent: Double(side / patchSize))
    return result
  }

  package func network(_ parameters: Parameters) throws -> any DiffusionTransformer { try DiT(self, parameters) }

  package func names(in checkpoint: Checkpoint) -> ParameterNames {
    textSize != nil ? .ours : checkpoint.contains("x_embedder.proj.weight") ? .official : .diffusersDiT
  }
  package var namings: [ParameterNames] { textSize != nil ? [.ours, .official] : [.official, .diffusersDiT] }

  package var fields: JSONValue {
    let number = { (value: Int) in JSONValue.number(Double(value)) }
    guard compatibility == .official else {
      return .object([
        "_class_name": .string("DiTTransformer2DModel"), "num_attention_heads": number(heads),
        "attention_head_dim": number(headSize), "num_layers": number(depth), "in_channels": number(inChannels),
        "out_channels": number(outChannels), "patch_size": number(patchSize), "sample_size": number(sampleSize[0]),
        "num_embeds_ada_norm": number(classes), "norm_eps": .number(1e-5), "norm_type": .string("ada_norm_zero"),
      ])
    }
    return .object([
      "_class_name": .string("DiT"), "hidden_size": number(hiddenSize), "depth": number(depth),
      "num_heads": number(heads), "patch_size": number(patchSize), "in_channels": number(inChannels),
      "num_classes": number(classes), "mlp_ratio": .number(mlpRatio), "learn_sigma": .bool(learnsVariance),
      "input_size": number(sampleSize[0]), "class_dropout_prob": .number(hasNullClass ? 0.1 : 0),
    ])
  }
}

extension ParameterNames {
  /// This project's own text transformer.
  package static let ours: ParameterNames = {
    let renamed = renaming([
      ("x_embedder.proj", "x_embedder"), ("t_embedder.mlp", "t_mlp"), ("y_embedder.embedding_table", "y_table"),
      ("final_layer.adaLN_modulation", "ada_final"), ("final_layer.linear", "linear_final"),
    ])
    return ParameterNames { [renamed($0)] }
  }()

  /// diffusers' `DiTTransformer2DModel`.
  package static let diffusersDiT = diffusers([
    ("x_embedder.proj", "pos_embed.proj"),
    ("t_embedder.mlp.0", DiTFamily.embedders + "timestep_embedder.linear_1"),
    ("t_embedder.mlp.2", DiTFamily.embedders + "timestep_embedder.linear_2"),
    ("y_embedder.embedding_table", DiTFamily.embedders + "class_embedder.embedding_table"),
    ("final_layer.adaLN_modulation.1", "proj_out_1"), ("final_layer.linear", "proj_out_2"),
  ])
}
