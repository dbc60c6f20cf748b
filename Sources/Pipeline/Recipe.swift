import DiTDiffusion
import DiTErrors
import DiTImage
import DiTModels
import DiTTensors
import DiTTransformer
import Foundation

/// How a picture was made, read from its metadata: everything needed to draw it again, byte for byte; of another program's
/// picture as much as there is a counterpart for.
package struct Recipe: Sendable {
  /// The picture's file.
  package var path = ""
  package var request: GenerationRequest?
  /// Nil where the picture says that it was a random one.
  package var seed: UInt64?
  /// The name of a sampler that is not here.
  package var unknownSampler: String?
  /// The program that wrote it, and those of its settings that nothing here corresponds to. Nil: ours.
  package var foreign: (program: String, unused: [String])?
  package var className: String?
  /// Where the name alone does not tell the class.
  package var classIndex: Int?
  package var model: String?
  /// Where the model lies, if it is not found by its name; likewise parts that the user named. See ``RecordedPath``.
  package var modelPath: String?
  package var autoencoder: String?
  package var textEncoder: String?
  package var tokenizer: String?
  package var captionDecoder, captionTokenizer, imageEncoder: String?
  /// Pixels along the size that the model was taken to be trained at.
  package var baseSize: Int?
  package var compatibility: DiTCompatibility?
  /// Pixels along a tile of the decoder.
  package var tile: Int?
  /// In the order in which they are merged.
  package var adapters: [RecordedLoRA] = []
  /// ``ModelFingerprint/short``; nil in pictures of older versions.
  package var modelHash: String?
  package var precision: Precision?
  package var backend: Backend.Kind?
  /// SHA-256 of the file that the picture started from, and of its mask: they are not in the picture itself.
  package var imageHash: String?
  package var maskHash: String?
  /// What these files were called; nil in pictures of older versions.
  package var imageName: String?
  package var maskName: String?

  /// Of no picture.
  package init() {}

  /// - Throws: `FileError`, `ImageError`, or ``RecipeError`` where the picture does not say how it was made.
  package init(contentsOf url: URL) throws {
    let contents = try PictureContents(contentsOf: url)
    guard let settings = PictureSettings(texts: contents.texts) else {
      throw contents.omittedTexts > 0 ? RecipeError.tooLong(path: url.path) : RecipeError.none(path: url.path)
    }
    path = url.relativePath
    let parameters = settings.parameters
    func required<Value>(_ name: String, _ value: Value?) throws -> Value {
      guard let value else { throw RecipeError.field(path: url.path, name: name) }
      return value
    }
    let own = (width: contents.picture.width, height: contents.picture.height)
    let size = try required("Size", parameters["Size"] == nil ? own : parameters.size)
    var request = GenerationRequest(size: PictureSize(width: size.width, height: size.height))
    request.prompt = parameters.prompt
    request.negativePrompt = parameters.negativePrompt
    request.steps = try required("Steps", parameters.steps)
    let sampler = try required("Sampler", parameters.sampler)
    let known = SamplerNames.resolve(sampler, schedule: parameters["Schedule type"])
    unknownSampler = known == nil ? [sampler, parameters["Schedule type"]].compactMap(\.self).joined(separator: " ") : nil
    request.sampler = known?.sampler ?? sampler
    request.guidanceScale = Float(try required("CFG scale", parameters.guidanceScale))
    seed = parameters["Seed"] == "-1" ? nil : try required("Seed", parameters.seed)
    request.seed = seed ?? 0
    // Fields that a picture has only where they are not the usual: present, they must be usable.
    func optional<Value>(_ name: String, _ read: (String) -> Value?) throws -> Value? {
      try parameters[name].map { try required(name, read($0)) }
    }
    request.spacing = try optional("Sigmas", Spacing.init) ?? known?.spacing
    request.respacing = parameters["Respacing"]
    request.eta = try optional("Eta", Double.init) ?? 0
    request.guidanceChannels = try optional("Guidance channels", Guidance.Channels.init) ?? .all
    request.guidanceInterval = try optional("Guidance interval", TimestepInterval.init)?.range
    request.sizing = try optional("Sizing", Sizing.init) ?? .auto
    request.enlargement = try optional("Enlarged") { Int($0).flatMap { (1...4).contains($0) ? $0 : nil } } ?? 1
    request.guidanceParallel = try optional("Guidance parallel", Float.init) ?? 1
    request.mode = try optional(PictureMetadata.mode, DrawingMode.init) ?? .picture
    request.cacheThreshold = try optional("Cache", Float.init)
    request.guidanceEvery = try optional("Guidance every") { Int($0).flatMap { (1...4).contains($0) ? $0 : nil } } ?? 1
    (imageHash, imageName) = (parameters["Image SHA-256"], parameters["Image"])
    (maskHash, maskName) = (parameters["Mask SHA-256"], parameters["Mask"])
    if imageHash != nil {
      request.strength = try required("Denoising strength", parameters["Denoising strength"].flatMap(Double.init))
    }
    self.request = request
    className = parameters["Class"]
    classIndex = try optional(PictureMetadata.classIndex) { Int($0) }
    model = parameters.model
    modelPath = parameters[PictureMetadata.modelPath]
    autoencoder = parameters[PictureMetadata.vae]
    textEncoder = parameters[PictureMetadata.textEncoder]
    tokenizer = parameters[PictureMetadata.tokenizer]
    captionDecoder = parameters[PictureMetadata.captionDecoder]
    captionTokenizer = parameters[PictureMetadata.captionTokenizer]
    imageEncoder = parameters[PictureMetadata.imageEncoder]
    baseSize = try optional(PictureMetadata.baseSize) { Int($0).flatMap { (1...32_768).contains($0) ? $0 : nil } }
    compatibility = try optional(PictureMetadata.compatibility, DiTCompatibility.init)
    tile = try optional(PictureMetadata.tile) { Int($0).flatMap { (64...65_536).contains($0) ? $0 : nil } }
    adapters = try RecordedLoRA.all(in: parameters, of: url)
    modelHash = parameters[PictureMetadata.modelHash]
    precision = parameters["Precision"].flatMap(Precision.init)
    backend = parameters["Backend"].flatMap(Backend.Kind.init)
    if !settings.program.hasPrefix("dit-t2i") {
      let unused = parameters.fields.map(\.key).filter { !Self.commonFields.contains($0) }
      foreign = (settings.program, unused)
    }
  }

  /// The fields of other programs that mean something here.
  private static let commonFields: Set = [
    "Steps", "Sampler", "Schedule type", "CFG scale", "Seed", "Size", "Model", "Model hash", "Version", "Nodes",
  ]

  /// The model to draw with.
  /// - Parameter named: the model that the user names.
  /// - Throws: ``RecipeError/model(path:name:)``, `ModelError`.
  package func locateModel(named: String?) throws -> URL {
    do {
      return try ModelLocator().locate(named ?? modelPlace)
    } catch ModelError.notFound(let name, _) where named == nil && model != nil {
      throw RecipeError.model(path: path, name: name)
    }
  }

  /// What the user has to give beside the picture, for `option`.
  package func needs(_ option: String, name: String?, hash: String) -> RecipeError {
    .needs(path: path, option: option, name: name, hash: hash)
  }

  /// What the user says about the model, and for what he does not say what the picture does.
  /// - Parameter named: the model that the user names. Another one than the picture's has parts of its own.
  /// - Throws: ``RecipeError/gone(path:part:option:)``.
  package func completing(_ options: ModelOptions, named: String?) throws -> ModelOptions {
    var options = options
    if options.tiling == .automatic, let tile { options.tiling = .side(tile) }
    guard named.map({ HubCache.name(of: URL(fileURLWithPath: $0)) == model }) ?? true else { return options }
    func found(_ part: String, _ text: String?, _ option: String) throws -> URL? {
      guard let url = text.map(RecordedPath.url) else { return nil }
      guard FileManager.default.fileExists(atPath: url.path) else {
        throw RecipeError.gone(path: url.path, part: part, option: option)
      }
      return url
    }
    options.autoencoder = try options.autoencoder ?? found("autoencoder", autoencoder, "--vae")
    options.textEncoder = try options.textEncoder ?? found("text encoder", textEncoder, "--text-encoder")
    options.tokenizer = try options.tokenizer ?? found("tokenizer", tokenizer, "--tokenizer")
    options.captionDecoder = try options.captionDecoder ?? found("caption decoder", captionDecoder, "--caption-decoder")
    options.captionTokenizer = try options.captionTokenizer ?? found("tokenizer", captionTokenizer, "--caption-tokenizer")
    options.imageEncoder = try options.imageEncoder ?? found("image encoder", imageEncoder, "--image-encoder")
    options.baseSize = options.baseSize ?? baseSize
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
package enum RecipeError: WordedError {
  case none(path: String)
  /// It has more or longer texts than are read.
  case tooLong(path: String)
  case field(path: String, name: String)
  case needs(path: String, option: String, name: String?, hash: String)
  /// A sampler that is not here, and the one that is most like it.
  case sampler(path: String, name: String)
  case model(path: String, name: String)
  /// A part of the model is no longer where the picture says.
  case gone(path: String, part: String, option: String)

  package var kind: UserErrorKind {
    switch self {
    case .none, .tooLong, .field: .damagedData
    case .needs, .sampler: .usage
    case .model, .gone: .notFound
    }
  }

  package func line(_ say: (_ program: String, _ library: String) -> String) -> String {
    switch self {
    case .none(let path): "\(path): the picture does not say how it was made (no \"parameters\" text)"
    case .tooLong(let path):
      "\(path): the texts of the picture are too long: at most \(PictureLimits().textBytes >> 20) MiB each are read"
    case .field(let path, let name): "\(path): the picture's parameters have no usable \"\(name)\""
    case .needs(let path, let option, let name, let hash):
      "\(path) was drawn \(option == "--mask" ? "through" : "from") \(name ?? "another picture") "
        + "(SHA-256 \(hash.prefix(12))…): give that file \(say("with \(option)", "as GenerationRequest.source"))"
    case .sampler(let path, let name):
      "\(path) was drawn with the sampler \"\(name)\", which is not here: choose one \(say("with --sampler", "in GenerationRequest.sampler"))"
        + (SamplerNames.nearest(to: name).map { "; \($0) is most like it" } ?? "")
    case .model(let path, let name):
      "\(path) was drawn with the model \"\(name)\", which is not here: choose one\(say(" with --model", ""))"
    case .gone(let path, let part, let option):
      "it was drawn with the \(part) \(path), which is not there: say \(say("with \(option)", "in ModelOptions")) where it is now"
    }
  }
}
