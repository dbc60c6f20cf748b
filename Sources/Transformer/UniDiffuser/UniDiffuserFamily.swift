import DiTCheckpoints
import DiTDiffusion
import DiTTensors

/// UniDiffuser, v0 and v1, under the names of its authors and of diffusers.
package enum UniDiffuserFamily: ModelFamily {
  package static let title = "UniDiffuser"
  package static let folder = FolderNames(
    pipelines: ["UniDiffuserPipeline"], transformer: "unet", tokenizer: "clip_tokenizer")

  package static func configuration(
    _ file: ConfigurationFile, _ hints: ModelHints
  ) throws -> (any TransformerConfiguration)? {
    // The original keeps its numbers in Python, under `nnet`.
    let isOriginal = file.fields["_class_name"] == nil && file.fields["nnet"]?["num_text_tokens"] != nil
    guard file.className == "UniDiffuserModel" || isOriginal else { return nil }
    return try file.read(UniDiffuserConfiguration.self).following(hints)
  }

  package static let layouts = [
    layout(
      "a UniDiffuser", .official, blocks: "in_blocks.",
      ["clip_img_embed.weight", "text_embed.weight", "decoder_pred.weight"]),
    layout(
      "a UniDiffuser in diffusers' names", .diffusersUniDiffuser, blocks: "transformer.transformer_in_blocks.",
      ["clip_img_in.weight", "text_in.weight", "vae_img_out.weight"]),
  ]

  private static func layout(_ title: String, _ names: ParameterNames, blocks: String, _ marks: [String]) -> CheckpointLayout {
    CheckpointLayout(title: title, marks: marks) { shapes, hints in
      let name = { (original: String) in names.name(of: original) }
      let module = { (original: String) in String(name(original + ".weight").dropLast(".weight".count)) }
      let (width, channels, patch) = try shapes.patches(module("patch_embed.proj"))
      let tokens = try shapes.textTokens(hints, others: 3)
      let qkv = names.stored("mid_block.attn.qkv.bias")
      return UniDiffuserConfiguration(
        hiddenSize: width, depth: 2 * shapes.count(blocks), heads: shapes.heads(width), patchSize: patch, latentChannels: channels,
        sampleSize: try shapes.side("pos_embed", patch: patch, extra: 3 + tokens, of: "UniDiffuser") ?? 0,
        mlpRatio: Double(try shapes.shape(name("mid_block.mlp.fc1.weight"), rank: 2)[0]) / Double(width),
        hasQKVBias: qkv.allSatisfy(shapes.has), textTokens: tokens,
        wordSize: try shapes.shape(name("text_embed.weight"), rank: 2)[1],
        clipSize: try shapes.shape(name("clip_img_embed.weight"), rank: 2)[1],
        hasTimeMLP: shapes.has(name("time_img_embed.0.weight")), hasDataType: shapes.has(name("token_embedding.weight"))
      ).following(hints)
    }
  }
}

extension UniDiffuserConfiguration: TransformerConfiguration {
  package var latentSize: [Int] { [sampleSize, sampleSize] }
  package var askableClasses: Int { 0 }
  package var textSize: Int? { wordSize }
  package var blockCount: Int { depth + 1 }

  fileprivate func following(_ hints: ModelHints) -> UniDiffuserConfiguration {
    var result = self
    result.compatibility = hints.compatibility ?? .official
    return result
  }

  package var traits: TransformerTraits {
    get throws {
      var traits = TransformerTraits(pipelineName: "UniDiffuserPipeline")
      let isOriginal = compatibility == .official
      // The original's scale, 7, counts from the conditional prediction.
      traits.sampling.guidanceScale = 8
      traits.sampling.steps = 50
      traits.sampling.schedule = try NoiseSchedule(.scaledLinear, betaStart: 0.00085, betaEnd: 0.012)
      traits.sampling.sampler = isOriginal ? DPMSolverSinglestep.name : DPMSolverPlusPlus.name
      traits.sampling.order = 3
      traits.trainingSchedulers = isOriginal ? ["DPMSolverMultistepScheduler"] : []
      traits.keepsUnknownNoise = !isOriginal
      traits.weighsStates = true
      traits.maximumTokens = textTokens
      traits.latentScale = 0.18215
      traits.recordsAttention = false
      traits.drawsWords = true
      traits.leavesEmptyTextOut = true
      traits.releasesEncoder = true
      return traits
    }
  }

  package func form(drawing drawn: [Modality], latents: [Int]) -> DrawnForm {
    let all: [(part: DrawnForm.Part, shape: [Int])] = [
      (.latents, latents), (.embedding, [1, clipSize]), (.text, [textTokens, wordSize]),
    ]
    return DrawnForm(all.filter { drawn.contains($0.part.modality) })
  }

  /// States of a text as one of the length that the model reads: filled up with zeros, or cut.
  func fitted(_ states: Tensor) throws -> Tensor {
    guard states.count != textTokens * wordSize else { return states }
    let result = try Tensor([textTokens, wordSize])
    let count = min(textTokens, states.shape[0])
    try states.slice(0, count: count).copy(into: result.slice(0, count: count))
    return result
  }

  package func network(_ parameters: Parameters) throws -> any DiffusionTransformer { try UniDiffuser(self, parameters) }

  package func names(in checkpoint: Checkpoint) -> ParameterNames {
    checkpoint.records.contains { $0.name.hasPrefix("mid_block.") } ? .official : .diffusersUniDiffuser
  }
  package var namings: [ParameterNames] { [.official, .diffusersUniDiffuser] }

  package var fields: JSONValue {
    let number = { (value: Int) in JSONValue.number(Double(value)) }
    return .object([
      "_class_name": .string("UniDiffuserModel"), "num_attention_heads": number(heads),
      "attention_head_dim": number(hiddenSize / heads), "num_layers": number(depth), "patch_size": number(patchSize),
      "in_channels": number(latentChannels), "sample_size": number(sampleSize), "mlp_ratio": .number(mlpRatio),
      "attention_bias": .bool(hasQKVBias), "num_text_tokens": number(textTokens), "text_dim": number(wordSize),
      "clip_img_dim": number(clipSize), "use_timestep_embedding": .bool(hasTimeMLP),
      "use_data_type_embedding": .bool(hasDataType),
    ])
  }
}
