import DiTModels
import DiTStudy
import DiTTensors
import DiTTextToImage
import Foundation

/// A model folder of random weights, so small that a picture takes milliseconds; written once for a run of the tests.
package enum MicroModel {
  private static let written = Result<URL, Error> {
    let root = FileManager.default.temporaryDirectory
      .appendingPathComponent("dit-t2i-tests-\(ProcessInfo.processInfo.processIdentifier)")
    try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    let url = root.appendingPathComponent("micro")
    try ModelBlueprint(named: "micro").write(
      to: url, seed: 1, tokenizer: Fixtures.repository.appendingPathComponent("Tokenizer/spiece.model"))
    return url
  }

  package static func folder() throws -> ModelFolder { try ModelFolder(written.get()) }

  /// In float32, with one thread: tests run side by side.
  package static func model() throws -> TextToImage { try TextToImage(folder(), backend: Backend(precision: .f32, threads: 1)) }

  package static func session() throws -> DrawingSession { try model().makeSession() }

  package static func request(_ prompt: String = "a red fox in snow", seed: UInt64 = 1) throws -> GenerationRequest {
    var request = GenerationRequest(size: try folder().nativeSize)
    request.prompt = prompt
    request.seed = seed
    request.steps = 4
    return request
  }
}

extension TextToImage {
  /// In a session of its own.
  package func draw(_ requests: [GenerationRequest]) throws -> [GeneratedPicture] { try makeSession().draw(requests) }
}
