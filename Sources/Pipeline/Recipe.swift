import DiTDiffusion
import DiTErrors
import DiTImage
import DiTModels
import DiTTensors
import Foundation

/// How a picture was made, read from its metadata: everything needed to draw it again, byte for byte.
package struct Recipe: Sendable {
  package var request: GenerationRequest?
  package var className: String?
  package var model: String?
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
    precision = parameters["Precision"].flatMap(Precision.init)
    backend = parameters["Backend"].flatMap(Backend.Kind.init)
  }

  /// The metadata of a picture.
  package static func parameters(
    of request: GenerationRequest, folder: ModelFolder, backend: Backend, version: String
  ) -> GenerationParameters {
    var result = GenerationParameters(prompt: request.prompt, negativePrompt: request.negativePrompt)
    result.steps = folder.steps(of: request)
    result.sampler = request.sampler
    result.guidanceScale = Double("\(request.guidanceScale)")
    result.seed = request.seed
    result.size = (request.size.width, request.size.height)
    result.model = folder.name
    result["Sigmas"] = request.spacing?.rawValue
    result["Respacing"] = request.respacing
    result["Eta"] = request.eta == 0 ? nil : "\(request.eta)"
    result["Guidance channels"] = request.guidanceChannels == .all ? nil : request.guidanceChannels.rawValue
    result["Guidance interval"] = request.guidanceInterval.map { TimestepInterval($0).description }
    result["Guidance parallel"] = request.guidanceParallel == 1 ? nil : request.guidanceParallel.brief
    if let source = request.source {
      result["Denoising strength"] = "\(request.strength)"
      result["Image SHA-256"] = source.hash
      result["Mask SHA-256"] = source.maskHash
    }
    result["Class"] = request.classIndex.map({ folder.className($0) })
    result["Precision"] = backend.precision.rawValue
    result["Backend"] = backend.kind == .native ? nil : backend.kind.rawValue
    result["Version"] = "dit-t2i \(version)"
    return result
  }
}

/// Why a picture cannot be drawn again.
package enum RecipeError: UserError {
  case none(path: String)
  case field(path: String, name: String)
  case needs(option: String, hash: String)

  package var kind: UserErrorKind { .damagedData }

  package var description: String {
    switch self {
    case .none(let path): "\(path): the picture does not say how it was made (no \"parameters\" text)"
    case .field(let path, let name): "\(path): the picture's parameters have no usable \"\(name)\""
    case .needs(let option, let hash):
      "it was drawn from another picture (SHA-256 \(hash.prefix(12))…): name that with \(option)"
    }
  }
}
