import DiTCheckpoints
import DiTTensors
import Foundation

/// What the tokens of an instruction leave for those after them: keys and values in every layer, and the state of the first
/// token. It is computed along with the texts, layer by layer, or comes from a file.
final class Gemma2Instruction {
  private let file: URL?
  private let tokens: [Int]
  /// Of a file that is there; nil: it is computed.
  private let stored: Checkpoint?
  private let work: Gemma2Work?
  private var layers: [Gemma2KeyValues] = []
  private var start: Tensor?

  /// - Parameters:
  ///   - keeping: where the file is, or is to be; one that is damaged or of another shape counts as absent.
  ///   - work: makes the text to run where there is no file.
  init(
    _ tokens: [Int], _ configuration: Gemma2Configuration, _ keeping: (([Int]) -> URL)?,
    _ work: ([Int]) throws -> Gemma2Work
  ) throws {
    self.tokens = tokens
    file = keeping?(tokens)
    let shape = [tokens.count, configuration.keyHeads * configuration.headSize]
    let names = (0..<configuration.layers).flatMap { Self.names($0) }
    let found = file.flatMap { try? openCheckpoint(at: $0) }.flatMap { found in
      let isWhole = found["start"]?.shape == [1, configuration.hiddenSize] && found.metadata["tokens"] == Self.text(tokens)
        && names.allSatisfy { found[$0]?.shape == shape && found[$0]?.type == .f32 }
      let isSound = isWhole && (names + ["start"]).allSatisfy { (try? found.tensor($0))?.array.allSatisfy(\.isFinite) == true }
      return isSound ? found : nil
    }
    if let found {
      (stored, start, self.work) = (found, try found.tensor("start"), nil)
    } else {
      (stored, self.work) = (nil, try work(tokens))
    }
  }

  private static func names(_ layer: Int) -> [String] { ["keys.\(layer)", "values.\(layer)"] }
  private static func text(_ tokens: [Int]) -> String { tokens.map(String.init).joined(separator: " ") }

  /// - Parameter run: a layer, on the instruction by itself.
  func advance(_ layer: Int, _ run: (Gemma2Work) throws -> Gemma2KeyValues) throws {
    guard let work else { return }
    layers.append(try run(work))
  }

  func keyValues(_ layer: Int) throws -> Gemma2KeyValues {
    guard let stored else { return layers[layer] }
    let parts = try Self.names(layer).map { try stored.tensor($0) }
    return Gemma2KeyValues(keys: parts[0], values: parts[1])
  }

  /// - Parameter norm: the last one.
  /// - Throws: `LoadError.unwritable`; a file appears whole or not at all.
  func finish(_ norm: (Tensor) throws -> Tensor) throws {
    guard let work else { return }
    let start = try norm(work.x.slice(0, count: 1))
    self.start = start
    guard let file else { return }
    var writer = SafetensorsWriter(file, metadata: ["tokens": Self.text(tokens)])
    try writer.add("start", start)
    for (layer, one) in layers.enumerated() {
      for (name, tensor) in zip(Self.names(layer), [one.keys, one.values]) { try writer.add(TensorName(name), tensor) }
    }
    try writer.write()
  }

  /// [1, d], normed; after ``finish(_:)``.
  func startState() throws -> Tensor {
    guard let start else { throw BackendError.shape("an instruction that was not encoded") }
    return start
  }
}
