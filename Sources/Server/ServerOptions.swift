import DiTModels
import DiTTensors
import Foundation

/// What a server is told when it is started.
package struct ServerOptions: Sendable {
  package var host = "127.0.0.1"
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
  /// Bytes of a request.
  package var bodyLimit = 64 << 20

  package init() {}
}
