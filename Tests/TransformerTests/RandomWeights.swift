import DiTCheckpoints
import Foundation
import DiTTensors

/// Random numbers that are the same on every run (SplitMix64).
struct RandomNumbers {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// Uniform in ±√3·scale, so that `scale` is the standard deviation.
  mutating func next(_ scale: Double) -> Float {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    z ^= z >> 31
    return Float((Double(z >> 11) / Double(1 << 52) - 1) * 3.0.squareRoot() * scale)
  }

  mutating func tensor(_ shape: [Int], _ scale: Double) throws -> Tensor {
    let count = shape.reduce(1, *)
    return try Tensor((0..<count).map { _ in next(scale) }, shape)
  }
}

/// Parameters by name, as a checkpoint for the model and as doubles for a slow reference.
struct RandomWeights {
  private(set) var tensors: [String: Tensor] = [:]
  private var random: RandomNumbers

  init(seed: UInt64) { random = RandomNumbers(seed: seed) }

  /// A linear layer of unit gain, with biases that matter.
  mutating func linear(_ name: String, _ outputs: Int, _ inputs: Int) throws {
    try tensors[name + ".weight"] = random.tensor([outputs, inputs], 1 / Double(inputs).squareRoot())
    try tensors[name + ".bias"] = random.tensor([outputs], 0.3)
  }

  mutating func norm(_ name: String, _ size: Int) throws {
    let weight = try random.tensor([size], 0.4)
    tensors[name + ".weight"] = try Tensor(weight.array.map { 1 + $0 }, [size])
    try tensors[name + ".bias"] = random.tensor([size], 0.3)
  }

  mutating func tensor(_ name: String, _ shape: [Int], _ scale: Double) throws { try tensors[name] = random.tensor(shape, scale) }

  mutating func remove(where test: (String) -> Bool) { tensors = tensors.filter { !test($0.key) } }

  subscript(name: String) -> [Double] { (tensors[name]?.array ?? []).map(Double.init) }

  /// Written to a file and opened again.
  func checkpoint() throws -> Checkpoint {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("dit-t2i-\(UUID().uuidString).safetensors")
    defer { try? FileManager.default.removeItem(at: url) }
    var writer = SafetensorsWriter(url)
    for (name, tensor) in tensors { try writer.add(TensorName(name), tensor) }
    try writer.write()
    return try openCheckpoint(at: url)
  }
}
