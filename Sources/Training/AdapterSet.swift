import DiTCheckpoints
import DiTDiffusion
import DiTTensors

/// Adapters beside the layers of a network, which are made while it is declared (``Parameters/Adapters``).
package final class AdapterSet {
  /// An adapter, and the layers of the network's file that it stands beside: one, or q, k and v.
  package struct Entry {
    package let names: [String]
    package let adapter: Adapter
  }

  package private(set) var entries: [Entry] = []
  private let rank: Int
  private let scale: Float
  private let names: ParameterNames
  private let start: (_ name: String, _ shape: [Int]) throws -> Tensor

  /// Adapters as training begins: A is uniform in ±1/√inputs, B is 0.
  /// - Parameters:
  ///   - alpha: the change is alpha / rank · B A.
  ///   - names: under which its checkpoint holds the network.
  package convenience init(rank: Int, alpha: Double, names: ParameterNames, seed: UInt64) {
    self.init(rank: rank, alpha: alpha, names: names) { name, shape in
      let result = try Tensor(shape)
      guard name.hasSuffix("lora_A.weight") else { return result }
      var random = TorchRandom(seed: seedOfName(name, seed))  // a layer begins alike whatever others there are
      let reach = 1 / Float(shape[1]).squareRoot()
      result.withFloats { for i in $0.indices { $0[i] = (2 * random.uniform() - 1) * reach } }
      return result
    }
  }

  /// Adapters that begin with given numbers: `NAME.lora_A.weight` [rank, inputs] and `NAME.lora_B.weight` [outputs, rank].
  package init(
    rank: Int, alpha: Double, names: ParameterNames, start: @escaping (_ name: String, _ shape: [Int]) throws -> Tensor
  ) {
    (self.rank, self.names, self.start) = (rank, names, start)
    scale = Float(alpha / Double(rank))
  }

  /// The adapter of a layer, by its name in the network.
  package func adapter(_ layer: String, _ outputs: Int, _ inputs: Int) throws -> Adapter {
    let weight = ".weight"
    let stored = names.stored(layer + weight).map { String($0.dropLast(weight.count)) }
    let down = try start(AdapterSet.down(stored[0]), [rank, inputs]).copy()
    let up = try Tensor.concatenated(
      stored.map { try start(AdapterSet.up($0), [outputs / stored.count, rank]) })
    let adapter = try Adapter(down: down, up: up.transposed(), scale: scale)
    entries.append(Entry(names: stored, adapter: adapter))
    return adapter
  }

  /// Runs `body` with the network as it was.
  package func leavingOut<Result>(_ body: () throws -> Result) rethrows -> Result {
    for entry in entries { entry.adapter.scale = 0 }
    defer {
      for entry in entries { entry.adapter.scale = scale }
    }
    return try body()
  }

  /// What is taught, with its gradients.
  package var parameters: [(values: Tensor, gradient: Tensor)] {
    entries.flatMap { [($0.adapter.down, $0.adapter.downGradient), ($0.adapter.up, $0.adapter.upGradient)] }
  }

  /// As PEFT names them, without its `base_model.model.`: A [rank, inputs] and B [outputs, rank] of every layer.
  package func tensors() throws -> [(name: String, tensor: Tensor)] {
    try tensors { ($0.down, $0.up) }
  }

  /// Gradients, likewise.
  package func gradients() throws -> [(name: String, tensor: Tensor)] {
    try tensors { ($0.downGradient, $0.upGradient) }
  }

  private func tensors(_ part: (Adapter) -> (down: Tensor, up: Tensor)) throws -> [(name: String, tensor: Tensor)] {
    try entries.flatMap { entry in
      let (down, up) = part(entry.adapter)
      let rows = try up.transposed()
      let each = rows.shape[0] / entry.names.count
      return entry.names.enumerated().flatMap { index, name in
        [(AdapterSet.down(name), down), (AdapterSet.up(name), rows.slice(index * each, count: each))]
      }
    }
  }

  private static func down(_ layer: String) -> String { layer + ".lora_A.weight" }
  private static func up(_ layer: String) -> String { layer + ".lora_B.weight" }
}
