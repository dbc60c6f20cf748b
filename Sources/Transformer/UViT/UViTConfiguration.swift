import DiTCheckpoints
import DiTTensors


/// Everything that tells one U-ViT from another, under the names of the original's constructor.
package struct UViTConfiguration: Sendable {
  package var hiddenSize: Int
  /// Blocks: an even number in two halves, and one between them.
  package var depth: Int
  package var heads: Int
  package var patchSize: Int
  /// Latent channels.
  package var inChannels: Int
  /// Side of the latents; the stored positions allow no other size.
  package var sampleSize: Int
  package var mlpRatio: Double = 4
  package var hasQKVBias = false
  /// The timestep passes through an MLP.
  package var hasTimeMLP = false
  /// A 3×3 convolution ends the model.
  package var hasConvolution = true
  /// Class rows; the last is the null class. Nil: no class token.
  package var classes: Int?
  /// Width and number of the text states; nil: no text tokens.
  package var text: TextSize?
  /// Added to timesteps on the 0…999 scale. The published models count from 1.
  package var timestepOffset: Float = 0

  package struct TextSize: Sendable, Hashable {
    package var width: Int
    package var tokens: Int

    package init(width: Int, tokens: Int) {
      self.width = width
      self.tokens = tokens
    }
  }

  package var nativeGrid: Grid { Grid(height: sampleSize / patchSize, width: sampleSize / patchSize) }
  /// Non-patch tokens: class, time and text.
  var extraTokens: Int { 1 + (classes == nil ? 0 : 1) + (text?.tokens ?? 0) }
  var blockShape: BlockShape {
    BlockShape(
      hiddenSize: hiddenSize, heads: heads, mlpSize: Int(Double(hiddenSize) * mlpRatio), normEps: 1e-5,
      mlpNormEps: 1e-5, activation: .geluErf)
  }

  package init(
    hiddenSize: Int, depth: Int, heads: Int, patchSize: Int, inChannels: Int, sampleSize: Int, classes: Int?,
    text: TextSize?
  ) {
    self.hiddenSize = hiddenSize
    self.depth = depth
    self.heads = heads
    self.patchSize = patchSize
    self.inChannels = inChannels
    self.sampleSize = sampleSize
    self.classes = classes
    self.text = text
  }
}

extension UViTConfiguration: Decodable {
  enum CodingKeys: String, CodingKey {
    case hiddenSize = "embed_dim", depth, heads = "num_heads", patchSize = "patch_size", inChannels = "in_chans"
    case sampleSize = "img_size", mlpRatio = "mlp_ratio", hasQKVBias = "qkv_bias", hasTimeMLP = "mlp_time_embed"
    case hasConvolution = "conv", classes = "num_classes", textWidth = "clip_dim", textTokens = "num_clip_token"
    case skip
  }

  package init(from decoder: Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    hiddenSize = try values.size(.hiddenSize, 4...65_536)
    depth = try values.size(.depth, 0...1_000)
    heads = try values.size(.heads, 1...1_024)
    patchSize = try values.size(.patchSize, 1...64)
    inChannels = try values.size(.inChannels, 1...1_024)
    sampleSize = try values.size(.sampleSize, TransformerLimits.latents)
    guard depth % 2 == 0 else { throw values.wrong(.depth, "depth is \(depth), expected an even number") }
    guard hiddenSize % heads == 0, hiddenSize % 2 == 0, sampleSize % patchSize == 0 else {
      throw values.wrong(.heads, "embed_dim, num_heads, img_size and patch_size do not fit each other")
    }
    mlpRatio = try values.decodeIfPresent(Double.self, forKey: .mlpRatio) ?? 4
    guard mlpRatio > 0, mlpRatio <= 64 else { throw values.wrong(.mlpRatio, "mlp_ratio is \(mlpRatio), expected 0 to 64") }
    hasQKVBias = try values.decodeIfPresent(Bool.self, forKey: .hasQKVBias) ?? false
    hasTimeMLP = try values.decodeIfPresent(Bool.self, forKey: .hasTimeMLP) ?? false
    hasConvolution = try values.decodeIfPresent(Bool.self, forKey: .hasConvolution) ?? true
    guard try values.decodeIfPresent(Bool.self, forKey: .skip) ?? true else {
      throw values.wrong(.skip, "skip is false; this program runs U-ViT with its long skips")
    }
    // The original writes -1 for "no classes".
    let rows = try values.decodeIfPresent(Int.self, forKey: .classes) ?? -1
    classes = rows > 0 ? try values.size(.classes, 1...10_000_000) : nil
    text = values.contains(.textWidth)
      ? TextSize(width: try values.size(.textWidth, 1...65_536), tokens: try values.size(.textTokens, 1...4_096)) : nil
  }
}
