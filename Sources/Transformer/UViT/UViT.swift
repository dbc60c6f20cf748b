import DiTCheckpoints
import DiTErrors
import DiTTensors

/// U-ViT (Bao et al., arXiv 2209.12152): time, condition and patches are all tokens of plain ViT blocks, and long skips
/// join the first half of the blocks to the second. It predicts noise without variance.
package final class UViT: DiffusionTransformer {
  package let configuration: UViTConfiguration
  let backend: Backend
  let patchEmbedding: Linear  // [D, C·p·p]
  let positions: Tensor  // [S, D] of all tokens
  let timeMLP: (first: Linear, second: Linear)?  // [4·D, D], [D, 4·D]
  let classTable: StoredMatrix?  // [classes, D], the last row is "no class"
  let textEmbedding: Linear?  // [D, text width]
  let inBlocks: [TransformerBlock]
  let middleBlock: TransformerBlock
  let outBlocks: [(skip: Linear, block: TransformerBlock)]  // skip [D, 2·D]
  let norm: AffineNorm
  let finalLinear: Linear  // [p·p·C, D]
  let convolution: Convolution?

  package var latentChannels: Int { configuration.inChannels }
  package var patchSize: Int { configuration.patchSize }
  package var readsClasses: Bool { classTable != nil }
  package var readsText: Bool { textEmbedding != nil }

  /// Declares the network under the original's names; the order of the stages is that of the cost table.
  /// - Throws: `LoadError` naming the missing or misshapen tensor.
  package init(_ configuration: UViTConfiguration, _ parameters: Parameters) throws {
    self.configuration = configuration
    backend = parameters.backend
    let (d, p) = (configuration.hiddenSize, configuration.patchSize)
    let channels = configuration.inChannels
    let sequence = Rows.patches(extra: configuration.extraTokens)
    let embedding = parameters.stage("patch embedding")
    patchEmbedding = try embedding.patchEmbedding("patch_embed.proj", d, channels: channels, patchSize: p)
    let tokens = configuration.extraTokens + configuration.nativeGrid.count
    positions = try embedding.tensor("pos_embed", [1, tokens, d]).reshaped([tokens, d])
    let timestep = parameters.stage("timestep")
    timeMLP = configuration.hasTimeMLP
      ? (try timestep.precise("time_embed.0", 4 * d, d), try timestep.precise("time_embed.2", d, 4 * d)) : nil
    classTable = try configuration.classes.map { try parameters.stage("classes").table("label_emb.weight", $0, d) }
    textEmbedding = try configuration.text.map {
      try parameters.stage("text tokens", .picture).precise("context_embed", d, $0.width, on: .fixed($0.tokens))
    }
    let block = { (name: String) in
      try parameters.block(
        name, configuration.blockShape, on: sequence, affine: true, qkvBias: configuration.hasQKVBias)
    }
    let half = configuration.depth / 2
    inBlocks = try (0..<half).map { try block("in_blocks.\($0).") }
    middleBlock = try block("mid_block.")
    outBlocks = try (0..<half).map {
      (
        try parameters.stage("long skips").linear("out_blocks.\($0).skip_linear", d, 2 * d, on: sequence),
        try block("out_blocks.\($0).")
      )
    }
    let final = parameters.stage("final layer")
    norm = try final.norm("norm", d)
    finalLinear = try final.precise("decoder_pred", p * p * channels, d, on: sequence)
    convolution = configuration.hasConvolution
      ? try final.convolution("final_layer", channels, channels, on: .patches(times: p * p)) : nil
  }

  package func prepare(_ conditions: [Condition], grid: Grid, timesteps: [[Float]]) throws -> any StagedRun {
    guard grid == configuration.nativeGrid else { throw UViTError.grid(grid, native: configuration.nativeGrid) }
    return try UViTRun(self, conditions: conditions, timesteps: timesteps)
  }
}

/// Why a U-ViT cannot run.
package enum UViTError: UserError {
  case grid(Grid, native: Grid)

  package var kind: UserErrorKind { .usage }

  package var description: String {
    switch self {
    case .grid(let grid, let native):
      "a U-ViT draws the size it was trained at alone: \(native.width)x\(native.height) patches, not \(grid.width)x\(grid.height)"
    }
  }
}
