import DiTModels
import DiTServer
import DiTStudy
import DiTTensors
import DiTTestSupport
import DiTTextToImage
import Foundation

/// A desk over a model of random weights, so small that a picture takes milliseconds.
enum MicroServer {
  private static let written = Result<URL, Error> {
    let root = FileManager.default.temporaryDirectory
      .appendingPathComponent("dit-t2i-server-tests-\(ProcessInfo.processInfo.processIdentifier)")
    try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    let url = root.appendingPathComponent("micro")
    try ModelBlueprint(named: "micro").write(
      to: url, seed: 1, tokenizer: Fixtures.repository.appendingPathComponent("Tokenizer/spiece.model"))
    return url
  }

  static func folder() throws -> ModelFolder { try ModelFolder(written.get()) }

  static func desk(room: Int = 64, memory: Int? = nil) throws -> DrawingDesk {
    let shelf = try ModelShelf([folder()], backend: Backend(precision: .f32, threads: 1), memory: memory)
    return DrawingDesk(shelf, room: room)
  }

  static func fields(_ prompt: String = "a red fox", seed: Int = 1, count: Int = 1, steps: Int = 4) -> PictureFields {
    var fields = PictureFields()
    (fields.prompt, fields.seed, fields.count, fields.steps) = (prompt, seed, count, steps)
    return fields
  }
}
