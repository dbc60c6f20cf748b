import DiTCheckpoints
import DiTTensors
import Foundation
import DiTTestSupport

extension TemporaryFolder {
  @discardableResult
  func write(_ name: String, _ bytes: some Sequence<UInt8>) throws -> URL {
    let url = file(name)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: url)
    return url
  }

  /// A safetensors file of tensors with one number each.
  func write(_ name: String, _ tensors: [String: Float]) throws {
    var writer = SafetensorsWriter(file(name))
    for (name, value) in tensors { try writer.add(TensorName(name), try Tensor([value], [1])) }
    try writer.write()
  }
}
