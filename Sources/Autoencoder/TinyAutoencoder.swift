import CKernels
import Checkpoints
import Foundation
import Tensors

/// The tiny autoencoder TAESD (Bohan, github.com/madebyollin/taesd) with any channels a level.
///
/// Decoder: z -> 3·tanh(z/3), conv, ReLU, then a level: blocks, nearest 2×, conv; the last level ends in a conv to RGB.
/// A block is ReLU(conv(ReLU(conv(ReLU(conv x)))) + x). The encoder is its mirror, with convs of stride 2.
public final class TinyAutoencoder: Autoencoder, @unchecked Sendable {
  public let configuration: TinyAutoencoderConfiguration
  public var latentChannels: Int { configuration.latentChannels }
  public var scaleFactor: Int { 1 << (configuration.decoderChannels.count - 1) }
  private let backend: Backend
  private let decoder: Stack?
  private let encoder: Stack?

  private struct Block {
    let convolutions: [Convolution]  // three
  }

  private struct Level {
    let blocks: [Block]
    /// Decoder: follows the upsampling, to the next level's channels. Encoder: leads into this level, stride 2.
    let change: Convolution?
  }

  private struct Stack {
    let first, last: Convolution
    let levels: [Level]
  }

  /// - Parameters:
  ///   - decoder: tensors `layers.N…`, N the index in the Sequential; nil: this autoencoder only encodes.
  ///   - encoder: likewise.
  /// - Throws: `LoadError` naming the missing or misshapen tensor.
  public init(
    _ configuration: TinyAutoencoderConfiguration, decoder: Checkpoint?, encoder: Checkpoint?,
    backend: Backend
  ) throws {
    self.configuration = configuration
    self.backend = backend
    self.decoder = try decoder.map { try TinyAutoencoder.decoder(configuration, Reader(checkpoint: $0, backend: backend)) }
    self.encoder = try encoder.map { try TinyAutoencoder.encoder(configuration, Reader(checkpoint: $0, backend: backend)) }
  }

  // MARK: reading

  private struct Reader {
    let checkpoint: Checkpoint
    let backend: Backend

    func convolution(_ name: String, _ outputs: Int, _ inputs: Int, bias: Bool = true) throws -> Convolution {
      try backend.convolution(
        checkpoint.matrix("layers.\(name).weight", rows: outputs, columns: inputs * 9),
        bias: bias ? checkpoint.tensor("layers.\(name).bias", shape: [outputs]) : nil)
    }

    func block(_ index: Int, _ channels: Int) throws -> Block {
      Block(convolutions: try [0, 2, 4].map { try convolution("\(index).conv.\($0)", channels, channels) })
    }
  }

  private static func decoder(_ configuration: TinyAutoencoderConfiguration, _ reader: Reader) throws -> Stack {
    let channels = configuration.decoderChannels
    let first = try reader.convolution("0", channels[0], configuration.latentChannels)
    var index = 2  // 1 is a ReLU
    var levels: [Level] = []
    for (level, count) in configuration.decoderBlocks.enumerated() {
      let blocks = try (0..<count).map { try reader.block(index + $0, channels[level]) }
      index += count
      guard level + 1 < channels.count else {
        levels.append(Level(blocks: blocks, change: nil))
        break
      }
      index += 1  // the upsampling
      let change = try reader.convolution("\(index)", channels[level + 1], channels[level], bias: false)
      levels.append(Level(blocks: blocks, change: change))
      index += 1
    }
    let last = try reader.convolution("\(index)", 3, channels[channels.count - 1])
    return Stack(first: first, last: last, levels: levels)
  }

  private static func encoder(_ configuration: TinyAutoencoderConfiguration, _ reader: Reader) throws -> Stack {
    let channels = configuration.encoderChannels
    let first = try reader.convolution("0", channels[0], 3)
    var index = 1
    var levels: [Level] = []
    for (level, count) in configuration.encoderBlocks.enumerated() {
      var change: Convolution?
      if level > 0 {
        change = try reader.convolution("\(index)", channels[level], channels[level - 1], bias: false)
        index += 1
      }
      levels.append(Level(blocks: try (0..<count).map { try reader.block(index + $0, channels[level]) }, change: change))
      index += count
    }
    let last = try reader.convolution("\(index)", configuration.latentChannels, channels[channels.count - 1])
    return Stack(first: first, last: last, levels: levels)
  }

  // MARK: running

  public func decode(_ latents: Tensor) -> Tensor {
    guard let decoder else { return Tensor([latents.shape[0], 3, latents.shape[2] * scaleFactor, latents.shape[3] * scaleFactor]) }
    // One picture at a time: the activations of the last level are what limits memory.
    return Tensor.concatenated(
      (0..<latents.shape[0]).map { picture in
        let z = prepared(latents.slice(picture, count: 1))
        var x = convolve(decoder.first, channelsLast(z), activation: DK_ACT_RELU)  // [1, h, w, C₀]
        for level in decoder.levels {
          for block in level.blocks { x = run(block, x) }
          if let change = level.change { x = convolve(change, x, upsample: 2) }  // [1, 2h, 2w, C']
        }
        let out = Tensor([1, x.shape[1], x.shape[2], 3])
        backend.convolve(decoder.last, x, into: out)
        return channelsFirst(out)
      })
  }

  public func encode(_ picture: Tensor) throws -> Tensor {
    guard let encoder else { throw AutoencoderError.noEncoder }
    var x = convolve(encoder.first, channelsLast(picture))  // [B, H, W, C₀]
    for level in encoder.levels {
      if let change = level.change { x = convolve(change, x, stride: 2) }
      for block in level.blocks { x = run(block, x) }
    }
    let out = Tensor([x.shape[0], x.shape[1], x.shape[2], latentChannels])
    backend.convolve(encoder.last, x, into: out)
    return normalised(channelsFirst(out))
  }

  private func run(_ block: Block, _ x: Tensor) -> Tensor {
    var y = x
    for convolution in block.convolutions.dropLast() { y = convolve(convolution, y, activation: DK_ACT_RELU) }
    return convolve(block.convolutions[block.convolutions.count - 1], y, activation: DK_ACT_RELU, residual: x)
  }

  private func convolve(
    _ convolution: Convolution, _ x: Tensor, upsample: Int = 1, stride: Int = 1,
    activation: dk_activation = DK_ACT_NONE, residual: Tensor? = nil
  ) -> Tensor {
    let size = { (n: Int) in (n * upsample + stride - 1) / stride }
    let out = Tensor(
      [x.shape[0], size(x.shape[1]), size(x.shape[2]), convolution.outputs], type: backend.activationType)
    backend.convolve(
      convolution, x, upsample: upsample, stride: stride, activation: activation, residual: residual, into: out)
    return out
  }

  /// z · std + mean, then soft clamping to ±3.
  private func prepared(_ latents: Tensor) -> Tensor {
    perChannel(latents) { value, mean, std in 3 * tanhf((value * std + mean) / 3) }
  }

  private func normalised(_ latents: Tensor) -> Tensor {
    guard configuration.latentsMean != nil || configuration.latentsStd != nil else { return latents }
    return perChannel(latents) { value, mean, std in (value - mean) / std }
  }

  private func perChannel(_ latents: Tensor, _ body: (Float, Float, Float) -> Float) -> Tensor {
    let result = latents.copy()
    let area = latents.shape[2] * latents.shape[3]
    result.withFloats { values in
      for i in 0..<values.count {
        let channel = i / area % latentChannels
        values[i] = body(
          values[i], configuration.latentsMean?[channel] ?? 0, configuration.latentsStd?[channel] ?? 1)
      }
    }
    return result
  }
}
