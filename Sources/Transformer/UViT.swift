import DiTCheckpoints
import DiTErrors
import DiTTensors

/// U-ViT (Bao et al., arXiv 2209.12152): time, condition and patches are all tokens of plain ViT blocks, and long skips
/// join the first half of the blocks to the second. It predicts noise without variance.
package final class UViT: DiffusionTransformer, @unchecked Sendable {
  package let configuration: UViTConfiguration
  let backend: Backend
  let patchEmbedding: Linear  // [D, C·p·p]
  let positions: Tensor  // [S, D] of all tokens
  let timeMLP: (first: Linear, second: Linear)?  // [4·D, D], [D, 4·D]
  let classTable: StoredMatrix?  // [classes, D], the last row is "no class"
  let textEmbedding: Linear?  // [D, text width]
  let inBlocks: [DiTBlock]
  let middleBlock: DiTBlock
  let outBlocks: [(skip: Linear, block: DiTBlock)]  // skip [D, 2·D]
  let norm: AffineNorm
  let finalLinear: Linear  // [p·p·C, D]
  let convolution: Convolution?

  package var latentChannels: Int { configuration.inChannels }
  package var patchSize: Int { configuration.patchSize }
  package var readsClasses: Bool { classTable != nil }
  package var readsText: Bool { textEmbedding != nil }

  /// - Parameter checkpoint: tensors under the original's names.
  /// - Throws: `LoadError` naming the missing or misshapen tensor.
  package init(_ configuration: UViTConfiguration, checkpoint: Checkpoint, backend: Backend) throws {
    self.configuration = configuration
    self.backend = backend
    let reader = ParameterReader(checkpoint: checkpoint, names: .official, backend: backend)
    let d = configuration.hiddenSize
    let channels = configuration.inChannels
    patchEmbedding = try reader.patchEmbedding(
      "patch_embed.proj", d, channels: channels, patchSize: configuration.patchSize)
    let tokens = configuration.extraTokens + configuration.nativeGrid.count
    positions = try reader.tensor("pos_embed", [1, tokens, d]).reshaped([tokens, d])
    timeMLP = configuration.hasTimeMLP
      ? (
        try reader.linear("time_embed.0", 4 * d, d, precise: true),
        try reader.linear("time_embed.2", d, 4 * d, precise: true)
      ) : nil
    classTable = try configuration.classes.map { try reader.matrix("label_emb.weight", $0, d) }
    textEmbedding = try configuration.text.map { try reader.linear("context_embed", d, $0.width, precise: true) }
    let block = { (name: String) in
      try reader.block(name, configuration.blockShape, affine: true, qkvBias: configuration.hasQKVBias)
    }
    let half = configuration.depth / 2
    inBlocks = try (0..<half).map { try block("in_blocks.\($0).") }
    middleBlock = try block("mid_block.")
    outBlocks = try (0..<half).map {
      (try reader.linear("out_blocks.\($0).skip_linear", d, 2 * d), try block("out_blocks.\($0)."))
    }
    norm = try reader.norm("norm", d)
    finalLinear = try reader.linear(
      "decoder_pred", configuration.patchSize * configuration.patchSize * channels, d, precise: true)
    convolution = configuration.hasConvolution
      ? try backend.convolution(
        reader.matrix("final_layer.weight", channels, channels * 9), bias: reader.tensor("final_layer.bias", [channels]))
      : nil
  }

  package func prepare(_ conditions: [Condition], grid: Grid, timesteps: [[Float]]) throws -> any TransformerRun {
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
