import DiTCheckpoints
import Foundation
import DiTTensors
import DiTTestSupport
import Testing

extension TemporaryFolder {
  func copy(_ source: URL, as name: String? = nil) throws {
    try FileManager.default.copyItem(at: source, to: file(name ?? source.lastPathComponent))
  }

  func write(_ name: String, _ text: String) throws { try Data(text.utf8).write(to: file(name)) }

  @discardableResult
  func write(_ name: String, _ tensors: [String: Tensor]) throws -> URL {
    var writer = SafetensorsWriter(file(name))
    for (name, tensor) in tensors { try writer.add(TensorName(name), tensor) }
    try writer.write()
    return file(name)
  }

  /// The tensors of a checkpoint under other names; nil leaves one out.
  @discardableResult
  func write(_ name: String, _ checkpoint: Checkpoint, renamed: (String) -> String?) throws -> URL {
    var writer = SafetensorsWriter(file(name))
    for record in checkpoint.records {
      if let new = renamed(record.name.string) { try writer.add(record, as: TensorName(new)) }
    }
    try writer.write()
    return file(name)
  }
}

/// Numbers in −1…1 that are the same on every run.
struct Numbers {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  mutating func next() -> Float {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Float(Int64(bitPattern: state) >> 40) / Float(1 << 23)
  }

  mutating func tensor(_ shape: [Int], scale: Float = 1, around middle: Float = 0) throws -> Tensor {
    try Tensor((0..<shape.reduce(1, *)).map { _ in middle + scale * next() }, shape)
  }
}

let float32: Backend = {
  do { return try Backend(.native, precision: .f32, threads: 2) } catch { fatalError("\(error)") }
}()
let bfloat16: Backend = {
  do { return try Backend(.native, precision: .bf16, threads: 2) } catch { fatalError("\(error)") }
}()

/// Pictures from −1…1, where diffusers has them, to 0…1.
func positive(_ image: Tensor) throws -> Tensor { try Tensor(image.array.map { $0 / 2 + 0.5 }, image.shape) }
func signed(_ image: Tensor) throws -> Tensor { try Tensor(image.array.map { 2 * $0 - 1 }, image.shape) }

/// Holds a whole tensor against its golden at the tolerance of the fixtures' notes.
func expect(
  _ actual: Tensor, matches expected: Tensor, nmse: Double = 1e-9, relative: Double = 1e-4, _ what: String = "",
  at place: SourceLocation = #_sourceLocation
) {
  guard actual.shape == expected.shape else {
    Issue.record("\(what): shape \(actual.shape), expected \(expected.shape)", sourceLocation: place)
    return
  }
  let comparison = Comparison(expected: expected.array, actual: actual.array)
  #expect(comparison.nmse <= nmse, "\(what)", sourceLocation: place)
  #expect(comparison.maxRelative <= relative, "\(what)", sourceLocation: place)
}

/// Runs something that has to fail, in one line that holds each of `parts`.
func expectError(
  _ parts: String..., at place: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) {
  do {
    try body()
    Issue.record("no error, expected \(parts)", sourceLocation: place)
  } catch {
    let text = "\(error)"
    #expect(!text.contains("\n"), "\(text)", sourceLocation: place)
    for part in parts { #expect(text.contains(part), "\(text)", sourceLocation: place) }
  }
}
