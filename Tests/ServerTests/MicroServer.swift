import DiTServer
import DiTTensors
import DiTTestSupport

/// A desk over a model of random weights, so small that a picture takes milliseconds.
enum MicroServer {
  static func desk(room: Int = 64, memory: Int? = nil) throws -> DrawingDesk {
    let shelf = try ModelShelf([MicroModel.folder()], backend: Backend(precision: .f32, threads: 1), memory: memory)
    return DrawingDesk(shelf, room: room)
  }

  static func fields(_ prompt: String = "a red fox", seed: Int = 1, count: Int = 1, steps: Int = 4) -> PictureFields {
    var fields = PictureFields()
    (fields.prompt, fields.seed, fields.count, fields.steps) = (prompt, seed, count, steps)
    return fields
  }
}
