import DiTCheckpoints
import DiTTensors
import DiTText
import DiTTransformer
import Foundation

/// What a UniDiffuser has beside transformer, text encoder and autoencoder: by what it reads words and makes captions of what it
/// draws, and by what it reads pictures.
package struct CaptionParts: Sendable {
  /// Folder or file of the caption decoder, and its sizes.
  package let decoder: URL
  package let configuration: CaptionConfiguration
  /// Folder of GPT-2's pieces; nil: there is none, and captions cannot be made.
  private let vocabularyFolder: URL?
  /// CLIP's encoder of pictures; nil: there is none, and pictures cannot be read.
  private let vision: Vision?
  private let path: String

  /// CLIP's encoder of pictures on disk.
  package struct Vision: Sendable {
    package let url: URL
    package let configuration: CLIPVisionConfiguration
    /// `preprocessor_config.json`; nil: as OpenAI's models have it.
    package let preparation: URL?
  }

  /// How words are read.
  package var prefix: CaptionPrefix { CaptionPrefix(decoder, configuration) }

  /// Names of the published file.
  private static let fileNames = [".pth", ".safetensors", ".pt", ".bin"].map { "caption_decoder" + $0 }

  /// - Parameters:
  ///   - place: the model's folder, or that of its file.
  ///   - isFolder: whether it is a model's folder in diffusers' layout.
  /// - Throws: ``ModelError/missingPart(path:part:)`` or ``ModelError/noCaptionDecoder(path:)`` without a caption decoder;
  ///   `ConfigurationError` or `LoadError` for one that does not fit.
  init(_ model: URL, in place: URL, isFolder: Bool, _ transformer: any TransformerConfiguration, _ options: ModelOptions) throws {
    path = model.path
    let inside = { (name: String) in place.appendingPathComponent(name) }
    let named = options.captionDecoder.map { CaptionParts.part("text_decoder", of: $0) }
    let found = (["text_decoder"] + Self.fileNames).map(inside).first(where: isThere)
    guard let decoder = named ?? found else {
      guard isFolder else { throw ModelError.noCaptionDecoder(path: model.path) }
      throw ModelError.missingPart(path: model.path, part: "text_decoder")
    }
    self.decoder = decoder
    let state = transformer.form(drawing: [.text], latents: []).parts.first?.shape ?? [0, 0]
    configuration = try CaptionConfiguration.of(decoder, tokens: state[0])
    guard (configuration.prefixLength, configuration.textSize) == (state[0], state[1]) else {
      throw ConfigurationError.wrong(
        file: decoder.path,
        reason: "it reads \(configuration.prefixLength) tokens of \(configuration.textSize) numbers, the transformer writes "
          + "\(state[0]) of \(state[1])")
    }
    let vocabulary = options.captionTokenizer.map { CaptionParts.part("text_tokenizer", of: $0) } ?? inside("text_tokenizer")
    vocabularyFolder = options.captionTokenizer != nil || isThere(vocabulary) ? CaptionParts.folder(vocabulary) : nil
    let encoder = options.imageEncoder.map { CaptionParts.part("image_encoder", of: $0) } ?? inside("image_encoder")
    vision = options.imageEncoder != nil || isThere(encoder) ? try CaptionParts.vision(encoder, transformer) : nil
  }

  /// Of a whole model folder its part.
  private static func part(_ name: String, of url: URL) -> URL {
    let inner = url.appendingPathComponent(name)
    return isThere(inner) ? inner : url
  }

  /// A file's folder.
  private static func folder(_ url: URL) -> URL {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder)
    return exists && !isFolder.boolValue ? url.deletingLastPathComponent() : url
  }

  private static func vision(_ url: URL, _ transformer: any TransformerConfiguration) throws -> Vision {
    let folder = CaptionParts.folder(url)
    let configuration = try readConfiguration(CLIPVisionConfiguration.self, at: folder.appendingPathComponent("config.json"))
    let around = folder.deletingLastPathComponent()
    let places = [folder] + ["clip_image_processor", "image_processor"].map(around.appendingPathComponent)
    let size = transformer.form(drawing: [.image], latents: [1, 1, 1]).parts.last?.shape.last ?? 0
    guard configuration.projectionSize == size else {
      throw ConfigurationError.wrong(
        file: url.path, reason: "it writes \(configuration.projectionSize) numbers, the transformer reads \(size)")
    }
    return Vision(
      url: url, configuration: configuration,
      preparation: places.map { $0.appendingPathComponent("preprocessor_config.json") }.first(where: isThere))
  }

  /// Folder of GPT-2's pieces.
  /// - Throws: where there is none.
  package func vocabulary() throws -> URL {
    guard let vocabularyFolder else { throw ModelError.noCaptionTokenizer(path: path) }
    return vocabularyFolder
  }

  /// CLIP's encoder of pictures.
  /// - Throws: where there is none.
  package func imageEncoder() throws -> Vision {
    guard let vision else { throw ModelError.noImageEncoder(path: path) }
    return vision
  }

  /// The networks that are there, by the names of their folders in diffusers' layout: what they take, and their tensors.
  /// - Throws: `LoadError`.
  package func networks() throws -> [(name: String, listing: NetworkListing, tensors: Checkpoint)] {
    var all = [("text_decoder", try configuration.listing(), try CaptionDecoder.open(decoder))]
    if let vision {
      all.append(("image_encoder", try vision.configuration.listing(), try CLIPVisionConfiguration.open(vision.url)))
    }
    return all
  }

  /// Folders and files of its weights.
  var weights: [(name: String, url: URL)] {
    [("text_decoder", decoder)] + (vision.map { [("image_encoder", $0.url)] } ?? [])
  }

  /// Everything but weights, by the places it has in diffusers' layout; what a file does not bring is written from its tensors.
  func descriptions() throws -> [(path: String, bytes: Data)] {
    var files = [("text_decoder/config.json", try jsonData(configuration.fields))]
    for name in ["vocab.json", "merges.txt", "added_tokens.json", "special_tokens_map.json", "tokenizer_config.json"] {
      guard let file = vocabularyFolder?.appendingPathComponent(name), isThere(file) else { continue }
      files.append(("text_tokenizer/" + name, try Data(contentsOf: file)))
    }
    guard let vision else { return files }
    let folder = CaptionParts.folder(vision.url)
    files.append(("image_encoder/config.json", try Data(contentsOf: folder.appendingPathComponent("config.json"))))
    if let preparation = vision.preparation {
      files.append(("clip_image_processor/preprocessor_config.json", try Data(contentsOf: preparation)))
    }
    return files
  }
}
