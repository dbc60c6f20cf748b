import DiTModels
import DiTTensors
import Foundation

/// What a server is told when it is started.
package struct ServerOptions: Sendable {
  /// Where it listens, who may use it, and how much one request may take.
  package var safety = Safety()
  /// 0: one that is free.
  package var port = 7860
  /// Names, folders or files; none: all that are found, the usual one first.
  package var models: [String] = []
  package var precision = Precision.auto
  package var threads: Int?
  /// Bytes that the process may take before a model is given back.
  package var memory: Int?
  /// Pictures that may wait.
  package var queue = 64
  package var limits = OrderLimits()
  /// Where prompts' LoRAs lie.
  package var loraFolder: String?
  /// Where the LoRAs lie that were taught, which prompts find by their words.
  package var taughtFolder = TaughtAdapters.folder
  /// Whether clients may teach, which writes there.
  package var teaches = false
  /// Seconds that are left to what is being drawn when the server is to end.
  package var grace = 30.0
  /// Whether the log says what is drawn.
  package var logsPrompts = false

  package init() {}
}
