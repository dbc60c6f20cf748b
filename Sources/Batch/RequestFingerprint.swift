import DiTCheckpoints
import DiTImage
import DiTModels
import DiTTextToImage

/// A hash of everything a picture depends on: the request, how it is computed, and the model's files.
struct RequestFingerprint {
  private let model: String

  /// - Throws: `FileError` where the model's files cannot be read.
  init(_ folder: ModelFolder) throws { model = try ModelFingerprint(folder).hash }

  /// - Parameter parameters: the picture's metadata. The request itself is hashed too, for what metadata leaves out.
  func of(_ request: GenerationRequest, parameters: GenerationParameters) -> String {
    String(sha256(Array("\(model)\n\(parameters.text)\n\(request)".utf8)).prefix(32))
  }
}
