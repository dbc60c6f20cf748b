import DiTErrors
import DiTTensors

/// Between latents, as the transformer sees them, and pictures.
package protocol Autoencoder: Sendable {
  var latentChannels: Int { get }
  /// Pixels along one side of a latent.
  var scaleFactor: Int { get }
  /// Latents [B, C, h, w] as the sampler leaves them -> picture [B, 3, h·scaleFactor, w·scaleFactor] in 0…1, before clamping.
  /// - Parameter probe: is shown each level.
  func decode(_ latents: Tensor, probe: Probe?) throws -> Tensor
  /// Picture [B, 3, H, W] in 0…1, H and W multiples of ``scaleFactor`` -> latents [B, C, H/scaleFactor, W/scaleFactor].
  /// - Parameter probe: is shown each level.
  /// - Throws: ``AutoencoderError/noEncoder`` where the folder holds a decoder alone.
  func encode(_ picture: Tensor, probe: Probe?) throws -> Tensor
}

extension Autoencoder {
  package func decode(_ latents: Tensor) throws -> Tensor { try decode(latents, probe: nil) }
  package func encode(_ picture: Tensor) throws -> Tensor { try encode(picture, probe: nil) }
}

package enum AutoencoderError: UserError, Equatable {
  case noEncoder
  /// A file or folder that holds no autoencoder of a kind this program runs.
  case unknown(path: String, found: String)
  /// TAESD comes as two files; this is the encoder, and the decoder is not beside it.
  case decoderMissing(path: String, expected: String)
  /// A file of weights alone, and the latents' scale is not among them.
  case scalingUnknown(path: String, channels: Int)

  package var kind: UserErrorKind { .damagedData }

  package var description: String {
    switch self {
    case .noEncoder: "this model's autoencoder has no encoder, so it cannot start from a picture"
    case .unknown(let path, let found):
      "\(path): \(found); this program decodes with AutoencoderKL, AutoencoderDC, AutoencoderTiny and TAESD"
    case .decoderMissing(let path, let expected):
      "\(path): this is the encoder alone, and there is no \(expected) beside it"
    case .scalingUnknown(let path, let channels):
      "\(path): the scale of its \(channels)-channel latents is unknown; put the model's vae/config.json beside it"
    }
  }
}

/// Planes [B, C, H, W] -> pixels [B, H, W, C], in the type convolutions read.
func channelsLast(_ planes: Tensor) throws -> Tensor {
  let (batch, channels, area) = (planes.shape[0], planes.shape[1], planes.shape[2] * planes.shape[3])
  let result = try Tensor([batch, planes.shape[2], planes.shape[3], channels])
  planes.withFloats { source in
    result.withFloats { target in
      for b in 0..<batch {
        for c in 0..<channels {
          for i in 0..<area { target[(b * area + i) * channels + c] = source[(b * channels + c) * area + i] }
        }
      }
    }
  }
  return result
}

/// Pixels [B, H, W, C] -> planes [B, C, H, W].
func channelsFirst(_ pixels: Tensor) throws -> Tensor {
  let (batch, area, channels) = (pixels.shape[0], pixels.shape[1] * pixels.shape[2], pixels.shape[3])
  let result = try Tensor([batch, channels, pixels.shape[1], pixels.shape[2]])
  pixels.withFloats { source in
    result.withFloats { target in
      for b in 0..<batch {
        for c in 0..<channels {
          for i in 0..<area { target[(b * channels + c) * area + i] = source[(b * area + i) * channels + c] }
        }
      }
    }
  }
  return result
}

/// Pixels [B, H, W, C] of any type -> planes [B, C, H, W] in float32, to be looked at.
package func planes(_ pixels: Tensor) throws -> Tensor {
  try channelsFirst(pixels.type == .f32 ? pixels : try Tensor(pixels.array, pixels.shape))
}
