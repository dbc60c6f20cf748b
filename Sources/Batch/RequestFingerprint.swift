import DiTCheckpoints
import DiTImage
import DiTModels
import DiTTextToImage

/// A hash of everything a picture depends on: the request, how it is computed, and the model's files.
package struct RequestFingerprint {
  /// Changes with the encoding below: pictures that an older one recorded are drawn again.
  private static let version = "2"
  /// Left out: another machine may have the same file elsewhere, and the model's hash tells files apart.
  private static let places: Set<String> = [
    PictureMetadata.modelPath, PictureMetadata.vae, PictureMetadata.textEncoder, PictureMetadata.tokenizer,
    PictureMetadata.captionDecoder, PictureMetadata.captionTokenizer, PictureMetadata.imageEncoder,
  ]

  private let model: String

  /// Likewise the paths of adapters, which their hashes tell apart: they are fields too.
  private static func isPlace(_ key: String) -> Bool {
    places.contains(key) || (key.hasPrefix("LoRA") && key.hasSuffix(" path"))
  }

  /// - Throws: `FileError` where the model's files cannot be read.
  init(_ folder: ModelFolder) throws { self.init(model: try ModelFingerprint(folder).hash) }

  /// - Parameter model: ``ModelFingerprint/hash``.
  package init(model: String) { self.model = model }

  /// - Parameter parameters: the picture's metadata. The request itself is hashed too, for what metadata leaves out.
  package func of(_ request: GenerationRequest, parameters: GenerationParameters) -> String {
    var text = Encoding()
    text.add("dit-t2i picture", RequestFingerprint.version)
    text.add("model", model)
    for field in parameters.fields where !RequestFingerprint.isPlace(field.key) {
      text.add("field", field.key)
      text.add("value", field.value)
    }
    text.add("prompt", request.prompt)
    text.add("negativePrompt", request.negativePrompt)
    text.add("classIndex", request.classIndex)
    text.add("size", request.size)
    text.add("seed", request.seed)
    text.add("steps", request.steps)
    text.add("sampler", request.sampler)
    text.add("spacing", request.spacing?.rawValue)
    text.add("respacing", request.respacing)
    text.add("eta", request.eta)
    text.add("source", request.source?.hash)
    text.add("mask", request.source?.maskHash)
    text.add("sourceSize", request.source?.size)
    text.add("strength", request.strength)
    text.add("guidanceScale", request.guidanceScale)
    text.add("guidanceChannels", request.guidanceChannels.rawValue)
    text.add("guidanceFrom", request.guidanceInterval?.lowerBound)
    text.add("guidanceTo", request.guidanceInterval?.upperBound)
    text.add("guidanceParallel", request.guidanceParallel)
    // Last, and only where it is not the usual: pictures of before keep their fingerprint.
    if request.enlargement != 1 { text.add("enlargement", request.enlargement) }
    for adapter in request.adapters {
      text.add("adapter", adapter.hash)
      text.add("adapterScale", adapter.scale)
    }
    // Only where they are asked for: pictures drawn before there was a cache stay finished.
    if let threshold = request.cacheThreshold { text.add("cacheThreshold", threshold) }
    if request.sizing != .auto { text.add("sizing", request.sizing.rawValue) }
    if request.mode != .picture { text.add("mode", request.mode.rawValue) }
    if request.guidanceEvery != 1 { text.add("guidanceEvery", request.guidanceEvery) }
    return String(sha256(text.bytes).prefix(32))
  }

  /// Names and values with their lengths, so that no value can pass for another's beginning.
  private struct Encoding {
    private(set) var bytes: [UInt8] = []

    /// Numbers are written as Swift prints them: the shortest text that gives the same number back.
    mutating func add(_ name: String, _ value: (some CustomStringConvertible)?) {
      let value = value.map { Array($0.description.utf8) }
      bytes += Array("\(name) \(value.map { String($0.count) } ?? "none")\n".utf8) + (value ?? []) + [UInt8(ascii: "\n")]
    }
  }
}
