import DiTTensors

/// What an autoencoder shows of one picture, or of one tile: pixels [1, h, w, C]; ``planes(_:)`` turns them.
extension ProbePoint {
  /// What the decoder's first convolution makes of latents.
  package static let convolvedLatents = ProbePoint(.autoencoder, "conv_in")
  /// What the encoder's first convolution makes of a picture.
  package static let convolvedPicture = ProbePoint(.autoencoder, "conv_in")
  /// A level of the decoder, from the latents on; of `AutoencoderDC` from the picture on, as its files number them.
  package static func up(_ level: Int) -> ProbePoint { ProbePoint(.autoencoder, "up", level) }
  /// A level of the encoder, from the picture on.
  package static func down(_ level: Int) -> ProbePoint { ProbePoint(.autoencoder, "down", level) }
  package static let middleAttention = ProbePoint(.autoencoder, "mid_attention")
  package static let middle = ProbePoint(.autoencoder, "mid")
}
