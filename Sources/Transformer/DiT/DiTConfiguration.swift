import DiTCheckpoints
import DiTTensors

/// How timestep and class reach the blocks: the four schemes of the DiT paper (arXiv 2212.09748, section 3.2).
package enum ConditioningScheme: String, Sendable, CaseIterable, Decodable {
  /// Timestep and class are two more tokens of the sequence.
  case inContext = "in-context"
  /// Every block attends to the sequence (timestep, class).
  case crossAttention = "cross-attention"
  /// Shifts and scales of the layer norms come from timestep + class.
  case adaLN = "adaln"
  /// As adaLN, and gates on both residual branches, zero when training starts.
  case adaLNZero = "adaln-zero"

  /// Rows of the modulation a block needs: shift, scale (and gate), twice.
  package var modulationChunks: Int {
    switch self {
    case .adaLNZero: 6
    case .adaLN: 4
    case .inContext, .crossAttention: 0
    }
  }

  package var isAdaptive: Bool { modulationChunks > 0 }
}

/// Everything that tells one Diffusion Transformer from another.
package struct DiTConfiguration: Sendable {
  package var hiddenSize: Int
  package var depth: Int
  package var heads: Int
  package var patchSize: Int
  /// Latent channels.
  package var inChannels: Int
  /// Classes without the null row.
  package var classes: Int
  /// A further class row, the last, stands for "no class".
  package var hasNullClass = true
  package var mlpRatio: Double = 4
  /// The output carries variance logits beside the noise.
  package var learnsVariance = true
  package var scheme = ConditioningScheme.adaLNZero
  /// Width of the text states that the blocks attend to; nil: class-conditional only.
  package var textSize: Int?
  /// The native latent size [height, width].
  package var sampleSize: [Int]
  package var positions: PositionRule
  package var isSizeAssumed = false
  /// Divisor of the timestep frequencies: 128 (DiT), or 127 as diffusers computes them (reference: its shift of 1).
  package var timestepDivisor: Float = 128
  package var normEps: Float = 1e-6
  /// Epsilon of the norm before the MLP; diffusers' DiT uses 1e-5.
  package var mlpNormEps: Float = 1e-6

  package init(
    hiddenSize: Int, depth: Int, heads: Int, patchSize: Int, inChannels: Int, classes: Int, hasNullClass: Bool = true,
    learnsVariance: Bool = true, sampleSize: [Int], positions: PositionRule
  ) {
    self.hiddenSize = hiddenSize
    self.depth = depth
    self.heads = heads
    self.patchSize = patchSize
    self.inChannels = inChannels
    self.classes = classes
    self.hasNullClass = hasNullClass
    self.learnsVariance = learnsVariance
    self.sampleSize = sampleSize
    self.positions = positions
  }

  package var outChannels: Int { learnsVariance ? 2 * inChannels : inChannels }
  package var headSize: Int { hiddenSize / heads }
  package var mlpSize: Int { Int(Double(hiddenSize) * mlpRatio) }
  var blockShape: BlockShape {
    BlockShape(hiddenSize: hiddenSize, heads: heads, mlpSize: mlpSize, normEps: normEps, mlpNormEps: mlpNormEps)
  }
  /// The class that means "none", where there is one.
  package var nullClass: Int? { hasNullClass ? classes : nil }
  /// The native patch grid.
  package var nativeGrid: Grid {
    Grid(height: sampleSize[0] / patchSize, width: sampleSize[1] / patchSize)
  }
}

/// A grid of patches.
package struct Grid: Hashable, Sendable {
  package var height: Int
  package var width: Int
  package var count: Int { height * width }

  package init(height: Int, width: Int) {
    self.height = height
    self.width = width
  }

  /// Of latents [B, C, H, W].
  package init(of latents: Tensor, patchSize: Int) {
    self.init(height: latents.shape[2] / patchSize, width: latents.shape[3] / patchSize)
  }
}

extension DiTConfiguration: Decodable {
  enum CodingKeys: String, CodingKey {
    case hiddenSize = "hidden_size", depth, heads = "num_heads", patchSize = "patch_size", inChannels = "in_channels"
    case classes = "num_classes", textSize = "text_dim", baseGrid = "base_grid", mlpRatio = "mlp_ratio"
    case learnsVariance = "learn_sigma", sampleSize = "sample_size", scheme = "conditioning", dropout = "class_dropout_prob"
    case inputSize = "input_size"
  }

  /// Reads our own `config.json`, or the settings of the original `DiT` class.
  package init(from decoder: Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    hiddenSize = try values.size(.hiddenSize, 4...65_536)
    depth = try values.size(.depth, 1...1_000)
    heads = try values.size(.heads, 1...1_024)
    patchSize = try values.size(.patchSize, 1...64)
    inChannels = try values.size(.inChannels, 1...1_024)
    classes = try values.size(.classes, 1...10_000_000)
    guard hiddenSize % heads == 0 else {
      throw values.wrong(.heads, "hidden_size \(hiddenSize) is not a multiple of num_heads \(heads)")
    }
    guard hiddenSize % 4 == 0 else {
      throw values.wrong(.hiddenSize, "hidden_size \(hiddenSize) is not a multiple of 4, which sin-cos positions need")
    }
    mlpRatio = try values.decodeIfPresent(Double.self, forKey: .mlpRatio) ?? 4
    guard mlpRatio > 0, mlpRatio <= 64 else { throw values.wrong(.mlpRatio, "mlp_ratio is \(mlpRatio), expected 0 to 64") }
    learnsVariance = try values.decodeIfPresent(Bool.self, forKey: .learnsVariance) ?? true
    scheme = try values.decodeIfPresent(ConditioningScheme.self, forKey: .scheme) ?? .adaLNZero
    hasNullClass = try (values.decodeIfPresent(Double.self, forKey: .dropout) ?? 0.1) > 0
    textSize = values.contains(.textSize) ? try values.size(.textSize, 1...65_536) : nil

    let base = values.contains(.baseGrid) ? try values.size(.baseGrid, 1...512) : nil
    if values.contains(.sampleSize) {
      sampleSize = try values.decode([Int].self, forKey: .sampleSize)
    } else if values.contains(.inputSize) {
      sampleSize = try [values.size(.inputSize, TransformerLimits.latents), values.size(.inputSize, TransformerLimits.latents)]
    } else {
      sampleSize = [(base ?? 16) * patchSize, (base ?? 16) * patchSize]
    }
    let patch = patchSize
    guard sampleSize.count == 2, sampleSize.allSatisfy({ TransformerLimits.latents.contains($0) && $0 >= patch && $0 % patch == 0 })
    else { throw values.wrong(.sampleSize, "sample_size \(sampleSize) is not two multiples of the patch size \(patchSize)") }
    positions = base.map { .areaPreserving(base: $0) } ?? .perAxis(extent: Double(sampleSize[0] / patchSize))
  }
}
