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

  func slice(_ start: Int, count: Int) -> UniDiffuserSample {
    UniDiffuserSample(
      latents: latents.slice(start, count: count), clipImage: clipImage.slice(start, count: count),
      text: text.slice(start, count: count))
  }

  private func parts(_ modality: UniDiffuserMode.Modality) -> [Tensor] { modality == .image ? [latents, clipImage] : [text] }

  /// The numbers of some of it, [B, 1, 1, n], as a sampler walks them: latents, CLIP's embedding, text.
  package func joined(_ modalities: [UniDiffuserMode.Modality]) throws -> Tensor {
    let parts = modalities.flatMap(parts).map { $0.reshaped([count, $0.count / max(1, count)]) }
    let width = parts.reduce(0) { $0 + $1.columns }
    let result = try Tensor([count, 1, 1, width])
    for row in 0..<count {
      var at = row * width
      for part in parts {
        try part.slice(row, count: 1).copy(into: result.reshaped([count * width]).slice(at, count: part.columns))
        at += part.columns
      }
    }
    return result
  }

  /// The other way: those numbers in the place of this sample's.
  package func replacing(_ modalities: [UniDiffuserMode.Modality], by joined: Tensor) throws -> UniDiffuserSample {
    var result = self
    let numbers = joined.reshaped([joined.count])
    let width = joined.columns
    var offset = 0
    func taken(_ shape: [Int]) throws -> Tensor {
      let part = shape.dropFirst().reduce(1, *)
      defer { offset += part }
      return try Tensor.concatenated((0..<count).map { numbers.slice($0 * width + offset, count: part).reshaped([1, part]) })
        .reshaped(shape)
    }
    for modality in modalities {
      if modality == .image {
        result.latents = try taken(latents.shape)
        result.clipImage = try taken(clipImage.shape)
      } else {
        result.text = try taken(text.shape)
      }
    }
    return result
  }
}

/// What is known of picture and text, and what is drawn: all that tells one use of UniDiffuser from another (Bao et al. 2023,
/// arXiv 2303.06555).
package struct UniDiffuserMode: Sendable, Equatable {
  package enum Modality: Sendable { case image, text }

  package enum Role: Sendable {
    /// What the sampler walks.
    case drawn
    /// As it is, at time 0.
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

  /// The unconditional branch of what is drawn: nothing is known of the other.
  func without(_ modality: Modality) -> UniDiffuserMode {
    modality == .image ? UniDiffuserMode(image: .drawn, text: .unknown) : UniDiffuserMode(image: .unknown, text: .drawn)
  }
}
