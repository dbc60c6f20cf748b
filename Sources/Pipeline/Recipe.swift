import DiTDiffusion
import DiTErrors
import DiTImage
import DiTModels
import DiTTensors
import DiTTransformer
import Foundation

/// How a picture was made, read from its metadata: everything needed to draw it again, byte for byte.
package struct Recipe: Sendable {
  package var request: GenerationRequest?
  package var className: String?
  package var model: String?
  /// Where the model lies, if it is not found by its name; likewise parts that the user named. See ``RecordedPath``.
  package var modelPath: String?
  package var autoencoder: String?
  package var textEncoder: String?
  package var compatibility: DiTCompatibility?
  /// Pixels along a tile of the decoder.
  package var tile: Int?
  /// ``ModelFingerprint/short``; nil in pictures of older versions.
  package var modelHash: String?
  package var precision: Precision?
  package var backend: Backend.Kind?
  /// SHA-256 of the file that the picture started from, and of its mask: they are not in the picture itself.
  package var imageHash: String?
  package var maskHash: String?

  /// Of no picture.
  package init() {}

  /// - Throws: `FileError`, `ImageError`, or ``RecipeError`` where the picture does not say how it was made.
  package init(contentsOf url: URL) throws {
    guard let parameters = GenerationParameters(texts: try PNG.read(url).texts) else {
      throw RecipeError.none(path: url.path)
    }
    func required<Value>(_ name: String, _ value: Value?) throws -> Value {
      guard let value else { throw RecipeError.field(path: url.path, name: name) }
      return value
    }
    let size = try required("Size", parameters.size)
    var request = GenerationRequest(size: PictureSize(width: size.width, height: size.height))
    request.prompt = parameters.prompt
    request.negativePrompt = parameters.negativePrompt
    request.steps = try required("Steps", parameters.steps)
    request.sampler = try required("Sampler", parameters.sampler).lowercased()
    request.guidanceScale = Float(try required("CFG scale", parameters.guidanceScale))
    request.seed = try required("Seed", parameters.seed)
    // Fields that a picture has only where they are not the usual: present, they must be usable.
    func optional<Value>(_ name: String, _ read: (String) -> Value?) throws -> Value? {
      try parameters[name].map { try required(name, read($0)) }
    }
    request.spacing = try optional("Sigmas", Spacing.init)
    request.respacing = parameters["Respacing"]
    request.eta = try optional("Eta", Double.init) ?? 0
    request.guidanceChannels = try optional("Guidance channels", Guidance.Channels.init) ?? .all
    request.guidanceInterval = try optional("Guidance interval", TimestepInterval.init)?.range
    request.guidanceParallel = try optional("Guidance parallel", Float.init) ?? 1
    imageHash = parameters["Image SHA-256"]
    maskHash = parameters["Mask SHA-256"]
    if imageHash != nil {
      request.strength = try required("Denoising strength", parameters["Denoising strength"].flatMap(Double.init))
    }
    self.request = request
    className = parameters["Class"]
    model = parameters.model
    modelPath = parameters[PictureMetadata.modelPath]
    autoencoder = parameters[PictureMetadata.vae]
    textEncoder = parameters[PictureMetadata.textEncoder]
    compatibility = try optional(PictureMetadata.compatibility, DiTCompatibility.init)
    tile = try optional(PictureMetadata.tile) { Int($0).flatMap { (64...65_536).contains($0) ? $0 : nil } }
    modelHash = parameters[PictureMetadata.modelHash]
    precision = parameters["Precision"].flatMap(Precision.init)
    backend = parameters["Backend"].flatMap(Backend.Kind.init)
  }

  /// What the user says about the model, and for what he does not say what the picture does.
  /// - Parameter named: the model that the user names. Another one than the picture's has parts of its own.
  /// - Throws: ``RecipeError/gone(path:part:option:)``.
  package func completing(_ options: ModelOptions, named: String?) throws -> ModelOptions {
    var options = options
    if options.tiling == .automatic, let tile { options.tiling = .side(tile) }
    guard named.map({ URL(fileURLWithPath: $0).lastPathComponent == model }) ?? true else { return options }
    func found(_ part: String, _ text: String?, _ option: String) throws -> URL? {
      guard let url = text.map(RecordedPath.url) else { return nil }
      guard FileManager.default.fileExists(atPath: url.path) else {
        throw RecipeError.gone(path: url.path, part: part, option: option)
      }
      return url
    }
    options.autoencoder = try options.autoencoder ?? found("autoencoder", autoencoder, "--vae")
    options.textEncoder = try options.textEncoder ?? found("text encoder", textEncoder, "--text-encoder")
    options.compatibility = options.compatibility ?? compatibility
    return options
  }

  /// The picture's model, for `ModelLocator.locate`: its path where it had one and is still there, else its name.
  package var modelPlace: String? {
    guard let url = modelPath.map(RecordedPath.url), FileManager.default.fileExists(atPath: url.path) else { return model }
    return url.path
  }
}

/// Why a picture cannot be drawn again.
package enum RecipeError: UserError {
  case none(path: String)
  case field(path: String, name: String)
  case needs(option: String, hash: String)
  /// A part of the model is no longer where the picture says.
  case gone(path: String, part: String, option: String)

  package var kind: UserErrorKind {
    switch self {
    case .none, .field, .needs: .damagedData
    case .gone: .notFound
    }
  }

  package var description: String {
    switch self {
    case .none(let path): "\(path): the picture does not say how it was made (no \"parameters\" text)"
    case .field(let path, let name): "\(path): the picture's parameters have no usable \"\(name)\""
    case .needs(let option, let hash):
      "it was drawn from another picture (SHA-256 \(hash.prefix(12))…): name that with \(option)"
    case .gone(let path, let part, let option):
      "it was drawn with the \(part) \(path), which is not there: say with \(option) where it is now"
    }
  }
}
