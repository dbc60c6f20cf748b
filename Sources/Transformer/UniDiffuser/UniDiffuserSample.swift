import DiTTensors

/// A picture and a text as UniDiffuser works on them, of B pairs.
package struct UniDiffuserSample {
  /// [B, C, h, w] of the autoencoder.
  package var latents: Tensor
  /// CLIP's embedding of the picture, [B, 1, E].
  package var clipImage: Tensor
  /// [B, tokens, numbers of a token].
  package var text: Tensor

  package init(latents: Tensor, clipImage: Tensor, text: Tensor) {
    (self.latents, self.clipImage, self.text) = (latents, clipImage, text)
  }

  package var count: Int { text.shape[0] }

  package static func concatenated(_ samples: [UniDiffuserSample]) throws -> UniDiffuserSample {
    UniDiffuserSample(
      latents: try .concatenated(samples.map(\.latents)), clipImage: try .concatenated(samples.map(\.clipImage)),
      text: try .concatenated(samples.map(\.text)))
  }

  package subscript(part: DrawnForm.Part) -> Tensor {
    get {
      switch part {
      case .latents: latents
      case .embedding: clipImage
      case .text: text
      }
    }
    set {
      switch part {
      case .latents: latents = newValue
      case .embedding: clipImage = newValue
      case .text: text = newValue
      }
    }
  }
}

/// What is known of picture and text, and what is drawn: all that tells one use of UniDiffuser from another (Bao et al. 2023,
/// arXiv 2303.06555).
package struct UniDiffuserMode: Sendable, Equatable {
  package enum Role: Sendable {
    /// What the sampler walks.
    case drawn
    /// As it is, at time 0; where it turns out not to be known, as unknown.
    case given
    /// Fresh noise at every evaluation, at the last time.
    case unknown
  }

  package var image, text: Role

  package static let textToImage = UniDiffuserMode(image: .drawn, text: .given)
  package static let imageToText = UniDiffuserMode(image: .given, text: .drawn)
  package static let pair = UniDiffuserMode(image: .drawn, text: .drawn)
  package static let imageAlone = UniDiffuserMode(image: .drawn, text: .unknown)
  package static let textAlone = UniDiffuserMode(image: .unknown, text: .drawn)

  package var drawn: [Modality] { (image == .drawn ? [.image] : []) + (text == .drawn ? [.text] : []) }

  package func role(of modality: Modality) -> Role { modality == .image ? image : text }
}
