import DiTCheckpoints
import DiTTensors
import DiTTextToImage
import Foundation

/// Text states of captions, each computed once: `states.0`, … [L, size] in a file, in the order of the captions.
struct TextStates: Sendable {
  private let states: [Tensor]
  private let places: [String: Int]

  private static let captionsKey = "captions"

  /// Reads them where they are kept, or else computes and keeps them.
  /// - Parameters:
  ///   - captions: each once.
  ///   - session: what computes; asked for where it must.
  init(of captions: [String], in url: URL, session: () throws -> DrawingSession) throws {
    let key = String(decoding: try JSONEncoder().encode(captions), as: UTF8.self)
    if !FileManager.default.fileExists(atPath: url.path) {
      let session = try session()
      try session.encode(captions.map { caption in
        var request = session.model.folder.defaultRequest
        request.prompt = caption
        return request
      })
      var writer = SafetensorsWriter(url, metadata: [Self.captionsKey: key])
      for (index, caption) in captions.enumerated() {
        guard let states = try session.states(of: caption) else { throw TeachingError.noText(session.model.folder.name) }
        try writer.add(TensorName("states.\(index)"), states)
      }
      try writer.write()
    }
    let file = try openCheckpoint(at: url)
    guard file.metadata[Self.captionsKey] == key else {
      throw TeachingError.damaged(path: url.path, reason: "it is of other captions")
    }
    states = try captions.indices.map { try file.tensor("states.\($0)") }
    places = Dictionary(uniqueKeysWithValues: captions.enumerated().map { ($0.element, $0.offset) })
  }

  subscript(caption: String) -> Tensor? { places[caption].map { states[$0] } }
}
