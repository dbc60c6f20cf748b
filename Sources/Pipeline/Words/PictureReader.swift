import DiTAutoencoder
import DiTCheckpoints
import DiTImage
import DiTModels
import DiTTensors
import DiTText
import DiTTransformer

/// Reads pictures as UniDiffuser does: the autoencoder's latents, which are sampled, and CLIP's embedding, both of the middle square.
package struct PictureReader {
  private let folder: ModelFolder
  private let backend: Backend

  package init(_ folder: ModelFolder, backend: Backend) { (self.folder, self.backend) = (folder, backend) }

  /// A picture that was read.
  struct ReadPicture {
    fileprivate let distribution: LatentDistribution
    fileprivate let scaling: LatentScaling
    fileprivate let embedding: Tensor  // [1, 1, E]
    /// Of its latents, [1, C, h, w].
    var shape: [Int] { distribution.mean.shape }

    /// - Parameter noise: standard normal, of the latents' shape.
    func segment(_ noise: Tensor) throws -> ConditionSegment {
      .picture(latents: try scaling.scaled(distribution.sample(noise)), embedding: embedding)
    }
  }

  /// Each network is loaded once, and released before the next.
  /// - Throws: one-line errors of the parts, naming file and tensor, or that memory is short.
  func read(_ pictures: [Picture]) throws -> [ReadPicture] {
    let side = folder.nativeSize.width
    let squares = try pictures.map { try $0.centerSquare(side) }
    let embeddings = try embeddings(of: squares)
    let sizes = try Self.autoencoder(folder)
    let autoencoder = try AutoencoderKL(sizes, checkpoint: folder.autoencoder.tensors, backend: backend)
    return try zip(squares, embeddings).map { square, embedding in
      ReadPicture(
        distribution: try autoencoder.distribution(of: Tensor(square.planes(), [1, 3, side, side])),
        scaling: sizes.scaling, embedding: embedding)
    }
  }

  /// CLIP's embeddings of pictures, [1, 1, E] each.
  func embeddings(of pictures: [Picture]) throws -> [Tensor] {
    guard let captions = folder.captions else { return [] }
    let vision = try captions.imageEncoder()
    let preparation = try CLIPPreparation(vision)
    let clip = try vision.configuration.load(vision.url, backend: backend)
    return try pictures.map { picture in
      guard let embedding = try clip.states(of: preparation.pixels(of: picture)).embedding else {
        throw LoadError.missing(file: vision.url.path, tensor: "visual_projection.weight")
      }
      return embedding.reshaped([1, 1, embedding.count])
    }
  }

  /// Looks whether pictures can be read, before anything is.
  /// - Parameter asGiven: to be given to the model, and not to be drawn over.
  static func check(_ folder: ModelFolder, asGiven: Bool) throws {
    guard let captions = folder.captions else { return }
    _ = try CLIPPreparation(captions.imageEncoder())
    if asGiven { _ = try autoencoder(folder) }
  }

  private static func autoencoder(_ folder: ModelFolder) throws -> AutoencoderKLConfiguration {
    guard let sizes = folder.autoencoder.configuration as? AutoencoderKLConfiguration else {
      throw ConfigurationError.wrong(
        file: folder.autoencoderURL.path, reason: "UniDiffuser reads pictures with an AutoencoderKL, of which latents are sampled")
    }
    return sizes
  }
}

extension CLIPPreparation {
  /// Of an encoder on disk.
  /// - Throws: `ConfigurationError` where it prepares pictures of another size than the encoder reads.
  init(_ vision: CaptionParts.Vision) throws {
    let size = vision.configuration.imageSize
    if let file = vision.preparation {
      self = try readConfiguration(CLIPPreparation.self, at: file)
    } else {
      self.init(side: size)
    }
    guard side == size else {
      throw ConfigurationError.wrong(
        file: vision.url.path, reason: "it reads pictures of \(size) pixels, which are prepared with \(side)")
    }
  }
}
