import DiTCheckpoints
import DiTDiffusion
import DiTTensors

/// U-ViT, class-conditional or with text tokens.
package enum UViTFamily: ModelFamily {
  package static let title = "U-ViT"

  package static func configuration(
    _ file: ConfigurationFile, _ hints: ModelHints
  ) throws -> (any TransformerConfiguration)? {
    // The original's constructor names no class.
    let own = ["embed_dim", "img_size", "in_chans"].allSatisfy { file.fields[$0] != nil }
    guard file.className == "UViT" || own && file.fields["_class_name"] == nil else { return nil }
    var configuration = try file.read(UViTConfiguration.self)
    configuration.timestepOffset = 1
    return configuration
  }

  package static let layouts = [
    CheckpointLayout(
      title: "a U-ViT", marks: ["patch_embed.proj.weight", "mid_block.attn.qkv.weight", "decoder_pred.weight"]
    ) { shapes, hints in try sizes(shapes, hints) }
  ]

  private static func sizes(_ shapes: TensorShapes, _ hints: ModelHints) throws -> UViTConfiguration {
    let (width, channels, patch) = try shapes.patches("patch_embed.proj")
    let classes = shapes.has("label_emb.weight") ? try shapes.shape("label_emb.weight", rank: 2)[0] : nil
    let textWidth = shapes.has("context_embed.weight") ? try shapes.shape("context_embed.weight", rank: 2)[1] : nil
    let text = try textWidth.map { UViTConfiguration.TextSize(width: $0, tokens: try shapes.textTokens(hints, others: 1)) }
    let extra = 1 + (classes == nil ? 0 : 1) + (text?.tokens ?? 0)
    var configuration = UViTConfiguration(
      hiddenSize: width, depth: 2 * shapes.count("in_blocks."), heads: shapes.heads(width), patchSize: patch,
      inChannels: channels, sampleSize: try shapes.side("pos_embed", patch: patch, extra: extra) ?? 0, classes: classes,
      text: text)
    configuration.mlpRatio = Double(try shapes.shape("mid_block.mlp.fc1.weight", rank: 2)[0]) / Double(width)
    configuration.hasQKVBias = shapes.has("mid_block.attn.qkv.bias")
    configuration.hasTimeMLP = shapes.has("time_embed.0.weight")
    configuration.hasConvolution = shapes.has("final_layer.weight")
    configuration.timestepOffset = 1
    return configuration
  }
}

extension UViTConfiguration: TransformerConfiguration {
  package var latentChannels: Int { inChannels }
  package var latentSize: [Int] { [sampleSize, sampleSize] }
  package var askableClasses: Int { max(0, (classes ?? 1) - 1) }
  package var textSize: Int? { text?.width }
  package var blockCount: Int { depth + 1 }

  package var traits: TransformerTraits {
    get throws {
      var traits = TransformerTraits(pipelineName: "UViTPipeline")
      // The original's scales, 0.4 and 1, count from the conditional prediction; its latents' schedule is Stable Diffusion's.
      traits.sampling.sampler = DPMSolverSinglestep.name
      traits.sampling.steps = 50
      traits.sampling.guidanceScale = text == nil ? 1.4 : 2
      traits.sampling.schedule = try NoiseSchedule(.scaledLinear, betaStart: 0.00085, betaEnd: 0.012)
      traits.weighsStates = true
      traits.maximumTokens = text?.tokens
      // Of those trained on MS-COCO, whose autoencoder is Stable Diffusion's, which says another.
      traits.latentScale = text == nil ? nil : 0.2301
      traits.keepsLatentScale = text != nil
      traits.recordsAttention = false
      traits.releasesEncoder = text != nil
      traits.drawsNativeSizeOnly = true
      return traits
    }
  }

  package func network(_ parameters: Parameters) throws -> any DiffusionTransformer { try UViT(self, parameters) }

  package func names(in checkpoint: Checkpoint) -> ParameterNames { .official }
  package var namings: [ParameterNames] { [.official] }

  package var fields: JSONValue {
    let number = { (value: Int) in JSONValue.number(Double(value)) }
    var fields: [String: JSONValue] = [
      "_class_name": .string("UViT"), "embed_dim": number(hiddenSize), "depth": number(depth), "num_heads": number(heads),
      "patch_size": number(patchSize), "in_chans": number(inChannels), "img_size": number(sampleSize),
      "mlp_ratio": .number(mlpRatio), "qkv_bias": .bool(hasQKVBias), "mlp_time_embed": .bool(hasTimeMLP),
      "conv": .bool(hasConvolution), "num_classes": number(classes ?? -1),
    ]
    if let text {
      fields["clip_dim"] = number(text.width)
      fields["num_clip_token"] = number(text.tokens)
    }
    return .object(fields)
  }
}
