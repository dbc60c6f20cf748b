import DiTAutoencoder
import DiTImage
import DiTModels
import DiTTensors
import Foundation

/// What the pictures of one run say about how they were made; ``Recipe`` reads it back.
package struct PictureMetadata: Sendable {
  // Keys that a picture has only where something is not the usual.
  package static let modelHash = "Model hash", modelPath = "Model path"
  package static let vae = "VAE", textEncoder = "Text encoder"
  package static let tokenizer = "Tokenizer"
  package static let captionDecoder = "Caption decoder", captionTokenizer = "Caption tokenizer", imageEncoder = "Image encoder"
  static let baseSize = "Base size", classIndex = "Class index", compatibility = "DiT compatibility", tile = "VAE tile"
  static let mode = "Drawing mode"

  /// "LoRA", "LoRA hash", "LoRA path" of the first adapter, "LoRA 2", … of the others.
  static func loraKeys(_ number: Int) -> (use: String, hash: String, path: String) {
    let key = number == 1 ? "LoRA" : "LoRA \(number)"
    return (key, key + " hash", key + " path")
  }

  /// Of the weights that draw.
  package let fingerprint: ModelFingerprint
  private let folder: ModelFolder
  /// Which model, and what of it lies elsewhere or is read in another way.
  private let model: [(key: String, value: String?)]
  /// What computes.
  private let engine: [(key: String, value: String?)]

  /// - Parameter locator: finds models by name; one that it does not find is recorded with its path.
  /// - Throws: `FileError` where the model's files cannot be read.
  package init(
    _ folder: ModelFolder, backend: Backend, version: String, locator: ModelLocator = ModelLocator()
  ) throws {
    self.folder = folder
    fingerprint = try ModelFingerprint(folder)
    let options = folder.options
    let place = folder.url.resolvingSymlinksInPath()
    let isFound = locator.models.contains { $0.name == folder.name && $0.url.resolvingSymlinksInPath() == place }
    let tile: String? = if case .side(let side) = options.tiling { String(side) } else { nil }
    model = [
      (PictureMetadata.modelHash, fingerprint.short),
      (PictureMetadata.modelPath, isFound ? nil : RecordedPath.text(of: folder.url)),
      (PictureMetadata.vae, options.autoencoder.map(RecordedPath.text)),
      (PictureMetadata.textEncoder, options.textEncoder.map(RecordedPath.text)),
      (PictureMetadata.tokenizer, options.tokenizer.map(RecordedPath.text)),
      (PictureMetadata.captionDecoder, options.captionDecoder.map(RecordedPath.text)),
      (PictureMetadata.captionTokenizer, options.captionTokenizer.map(RecordedPath.text)),
      (PictureMetadata.imageEncoder, options.imageEncoder.map(RecordedPath.text)),
      (PictureMetadata.baseSize, folder.recordedBaseSize.map(String.init)),
      (PictureMetadata.compatibility, options.compatibility?.rawValue),
      (PictureMetadata.tile, tile),
    ]
    engine = [
      ("Precision", backend.precision.rawValue),
      ("Backend", backend.kind == .native ? nil : backend.kind.rawValue),
      ("Version", "dit-t2i \(version)"),
    ]
  }

  /// The metadata of a picture.
  package func parameters(of request: GenerationRequest) -> GenerationParameters {
    var result = GenerationParameters(prompt: request.prompt, negativePrompt: request.negativePrompt)
    result.steps = folder.steps(of: request)
    result.sampler = request.sampler
    result.guidanceScale = Double("\(request.guidanceScale)")
    result.seed = request.seed
    result.size = (request.size.width, request.size.height)
    result.model = folder.name
    for (key, value) in model { result[key] = value }
    result["Sigmas"] = request.spacing?.rawValue
    result["Respacing"] = request.respacing
    result["Eta"] = request.eta == 0 ? nil : "\(request.eta)"
    result["Guidance channels"] = request.guidanceChannels == .all ? nil : request.guidanceChannels.rawValue
    result["Guidance interval"] = request.guidanceInterval.map { TimestepInterval($0).description }
    result["Guidance parallel"] = request.guidanceParallel == 1 ? nil : request.guidanceParallel.brief
    result["Sizing"] = request.sizing == .auto ? nil : request.sizing.rawValue
    // PixArt's sizes are part of the model, and pictures never said them.
    result["Drawn at"] = folder.traits.hasAspectBins ? nil : folder.sizePlan(of: request).first?.description
    result["Enlarged"] = request.enlargement == 1 ? nil : String(request.enlargement)
    result[PictureMetadata.mode] = request.mode == .picture ? nil : request.mode.rawValue
    result["Cache"] = request.cacheThreshold.map { $0.brief }
    result["Guidance every"] = request.guidanceEvery == 1 ? nil : String(request.guidanceEvery)
    if let source = request.source {
      result["Denoising strength"] = "\(request.strength)"
      result["Image"] = source.name
      result["Image SHA-256"] = source.hash
      result["Mask"] = source.maskName
      result["Mask SHA-256"] = source.maskHash
    }
    result["Class"] = request.classIndex.map({ folder.className($0) })
    result[PictureMetadata.classIndex] = request.classIndex.flatMap { folder.needsIndex($0) ? String($0) : nil }
    record(folder.options.adapters + request.adapters, in: &result)
    for (key, value) in engine { result[key] = value }
    return result
  }

  /// The same, with what was left out.
  package func parameters(of drawn: GeneratedPicture) -> GenerationParameters {
    var result = parameters(of: drawn.request)
    result["Saved"] = drawn.saved.map { "\($0)" }
    return result
  }

  /// Their names, scales, hashes and where they lie.
  private func record(_ adapters: [LoRA], in parameters: inout GenerationParameters) {
    for (index, adapter) in adapters.enumerated() {
      let keys = PictureMetadata.loraKeys(index + 1)
      parameters[keys.use] = adapter.use
      parameters[keys.hash] = adapter.shortHash
      parameters[keys.path] = RecordedPath.text(of: adapter.url)
    }
  }

  /// "Model: small, Model hash: …, Version: …": what sheets of many pictures say.
  package var text: String {
    var result = GenerationParameters()
    result.model = folder.name
    for (key, value) in model { result[key] = value }
    record(folder.options.adapters, in: &result)
    for (key, value) in engine { result[key] = value }
    return result.text
  }
}

extension LoRA {
  /// "fox:0.8", as pictures and manifests say it.
  var use: String { "\(name):\(scale.brief)" }
}

extension ModelFolder {
  /// Of all adapters that a picture is drawn with; nil: none.
  package func adapterNames(of request: GenerationRequest) -> [String]? {
    let all = options.adapters + request.adapters
    return all.isEmpty ? nil : all.map(\.use)
  }
}

/// A path in a picture: whole, so that `--from` finds it from any folder, but for the home folder, which is `~`: a picture
/// is shown to others, and need not say whose it is.
enum RecordedPath {
  private static var home: String { FileManager.default.homeDirectoryForCurrentUser.standardizedFileURL.path }

  static func text(of url: URL) -> String {
    let path = url.absoluteURL.standardizedFileURL.path
    return home != "/" && path.hasPrefix(home + "/") ? "~" + path.dropFirst(home.count) : path
  }

  static func url(_ text: String) -> URL {
    URL(fileURLWithPath: text.hasPrefix("~/") ? home + text.dropFirst(1) : text)
  }
}
