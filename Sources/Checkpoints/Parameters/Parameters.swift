import DiTTensors

/// What a network is declared with: its initialiser asks for each parameter by name and shape, says to how many rows a
/// layer is applied, and gets the layer.
///
/// The one declaration serves all: from a checkpoint it loads the network, with errors that name file, tensor and shape;
/// from a random generator it makes one; ``checking()`` looks whether a checkpoint has it; ``NetworkListing`` tells its
/// parameters and its multiply-adds.
package struct Parameters {
  /// Makes what is learnt beside a layer; nil: nothing is.
  package typealias Adapters = (_ layer: String, _ outputs: Int, _ inputs: Int) throws -> Adapter?

  /// What the layers are packed for.
  package let backend: Backend
  private let source: any ParameterSource
  private let packs: Bool
  private let collector: NetworkListing.Collector?
  private let adapters: Adapters?
  private var prefix = ""
  private var stage = (name: "the network", frequency: StageCost.Frequency.step)

  /// - Parameters:
  ///   - source: where the numbers come from.
  ///   - adapters: for layers by their names in the network, without `.weight`.
  package init(_ source: any ParameterSource, backend: Backend, adapters: Adapters? = nil) {
    self.init(source, backend: backend, nil, packs: true, adapters)
  }

  /// Of a checkpoint.
  package init(
    _ checkpoint: Checkpoint, names: ParameterNames = .official, backend: Backend, adapters: Adapters? = nil
  ) {
    self.init(CheckpointParameters(checkpoint, names: names), backend: backend, adapters: adapters)
  }

  init(
    _ source: any ParameterSource, backend: Backend, _ collector: NetworkListing.Collector?, packs: Bool = false,
    _ adapters: Adapters? = nil
  ) {
    (self.source, self.backend, self.collector, self.packs, self.adapters) = (source, backend, collector, packs, adapters)
  }

  /// The same source, but nothing is packed: names and shapes are looked at alone, and what is made cannot run.
  package func checking() -> Parameters {
    var result = Parameters(source, backend: backend, collector)
    (result.prefix, result.stage) = (prefix, stage)
    return result
  }

  // MARK: places

  /// For the part of a network whose names begin with `prefix`.
  package func scoped(_ prefix: String) -> Parameters {
    var result = self
    result.prefix += prefix
    return result
  }

  /// For layers that belong to a stage of the cost table.
  package func stage(_ name: String, _ frequency: StageCost.Frequency = .step) -> Parameters {
    var result = self
    result.stage = (name, frequency)
    return result
  }

  /// Whether an optional part is there.
  package func contains(_ name: String) -> Bool { source.contains(prefix + name) }

  // MARK: parameters

  /// Numbers that are used as they are: norms, biases, small tables.
  package func tensor(_ name: String, _ shape: [Int], start: Initialisation = .unitGain()) throws -> Tensor {
    try source.tensor(noted(name, shape, start))
  }

  /// A table whose rows are read one by one.
  package func table(_ name: String, _ rows: Int, _ columns: Int, start: Initialisation = .table) throws -> StoredMatrix {
    try single(noted(name, [rows, columns], start))
  }

  private func single(_ parameter: Parameter) throws -> StoredMatrix {
    let matrices = try source.matrices(parameter)
    guard matrices.count == 1 else { throw BackendError.shape("\(parameter.name) in \(matrices.count) pieces") }
    return matrices[0]
  }

  private func noted(_ name: String, _ shape: [Int], _ start: Initialisation) -> Parameter {
    let parameter = Parameter(prefix + name, shape, start: start)
    collector?.add(parameter, stage)
    return parameter
  }

  // MARK: layers

  /// A linear layer, `NAME.weight` [outputs, inputs] and `NAME.bias`.
  /// - Parameters:
  ///   - rows: how many vectors it is applied to.
  ///   - shape: of the weight, where it is stored as a convolution's.
  ///   - precise: keep it float32 whatever the precision.
  package func linear(
    _ name: String, _ outputs: Int, _ inputs: Int, on rows: Rows, shape: [Int]? = nil, bias: Bool = true,
    precise: Bool = false, start: Initialisation = .unitGain(), biasStart: Initialisation = .bias
  ) throws -> Linear {
    let matrices = try source.matrices(noted(name + ".weight", shape ?? [outputs, inputs], start))
    let bias = bias ? try tensor(name + ".bias", [outputs], start: biasStart) : nil
    collector?.add(outputs * inputs, rows, .one, stage)
    return try packed(matrices, bias, precise, adapter(name, outputs, inputs))
  }

  private func adapter(_ name: String, _ outputs: Int, _ inputs: Int) throws -> Adapter? {
    try packs ? adapters?(prefix + name, outputs, inputs) : nil
  }

  /// Linear layers of one input as one, stacked along their outputs.
  /// - Parameter outputs: of each.
  package func linear(
    _ names: [String], _ outputs: Int, _ inputs: Int, on rows: Rows, bias: Bool = true, precise: Bool = false,
    starts: [Initialisation]? = nil
  ) throws -> Linear {
    let matrices = try names.enumerated().flatMap { index, name in
      try source.matrices(noted(name + ".weight", [outputs, inputs], starts?[index] ?? .unitGain()))
    }
    let biases = try bias ? names.map { try tensor($0 + ".bias", [outputs], start: .bias) } : []
    collector?.add(names.count * outputs * inputs, rows, .one, stage)
    return try packed(matrices, biases.isEmpty ? nil : .concatenated(biases), precise)
  }

  private func packed(
    _ matrices: [StoredMatrix], _ bias: Tensor?, _ precise: Bool, _ adapter: Adapter? = nil
  ) throws -> Linear {
    packs
      ? try backend.linear(matrices, bias: bias, precise: precise, adapter: adapter)
      : Linear(unpacked: matrices.reduce(0) { $0 + $1.rows }, matrices.first?.columns ?? 0, bias: bias)
  }

  /// A linear layer that is stored as [inputs, outputs], as GPT-2's are.
  package func turnedLinear(_ name: String, _ outputs: Int, _ inputs: Int, on rows: Rows) throws -> Linear {
    let parameter = noted(name + ".weight", [inputs, outputs], .unitGain())
    let bias = try tensor(name + ".bias", [outputs], start: .bias)
    collector?.add(outputs * inputs, rows, .one, stage)
    guard packs else { return Linear(unpacked: outputs, inputs, bias: bias) }
    return try backend.linear([source.tensor(parameter).turned()], bias: bias)
  }

  /// A table whose rows are read one by one, and the linear layer of the same numbers.
  package func tiedTable(
    _ name: String, _ rows: Int, _ columns: Int, on vectors: Rows
  ) throws -> (table: StoredMatrix, layer: Linear) {
    let table = try table(name, rows, columns)
    collector?.add(rows * columns, vectors, .one, stage)
    return (table, try packed([table], nil, false))
  }

  /// Layers of one shape that a drawing needs once each.
  package func linearsInTurn(
    _ names: [String], _ outputs: Int, _ inputs: Int, on rows: Rows, start: Initialisation = .unitGain(),
    biasStart: Initialisation = .bias
  ) throws -> LinearsInTurn {
    try backend.linearsInTurn(
      names.map { name in
        collector?.add(outputs * inputs, rows, .one, stage)
        return (
          matrices: try source.matrices(noted(name + ".weight", [outputs, inputs], start)),
          bias: try tensor(name + ".bias", [outputs], start: biasStart), adapter: try adapter(name, outputs, inputs)
        )
      })
  }

  /// A 3×3 convolution, `NAME.weight` [outputs, inputs, 3, 3] and `NAME.bias`.
  /// - Parameter rows: the pixels it makes.
  package func convolution(
    _ name: String, _ outputs: Int, _ inputs: Int, on rows: Rows, bias: Bool = true, precise: Bool = false,
    start: Initialisation = .unitGain(), biasStart: Initialisation = .bias
  ) throws -> Convolution {
    let matrix = try single(noted(name + ".weight", [outputs, inputs, 3, 3], start))
    let bias = bias ? try tensor(name + ".bias", [outputs], start: biasStart) : nil
    collector?.add(outputs * inputs * 9, rows, .one, stage)
    return packs
      ? try backend.convolution(matrix, bias: bias, precise: precise)
      : Convolution(unpacked: outputs, inputs, bias: bias)
  }

  /// 1×1 convolutions of one input, stacked along their outputs, in the type 3×3 convolutions are packed in.
  /// - Parameters:
  ///   - outputs: of each.
  ///   - shape: of each weight, where it is stored as a convolution's.
  package func pointwise(
    _ names: [String], _ outputs: Int, _ inputs: Int, on rows: Rows, shape: [Int]? = nil, bias: Bool = true,
    precise: Bool = false
  ) throws -> Linear {
    let matrices = try names.flatMap {
      try source.matrices(noted($0 + ".weight", shape ?? [outputs, inputs], .unitGain()))
    }
    let biases = try bias ? names.map { try tensor($0 + ".bias", [outputs], start: .bias) } : []
    let joined = biases.isEmpty ? nil : try Tensor.concatenated(biases)
    collector?.add(names.count * outputs * inputs, rows, .one, stage)
    return packs && !precise ? try backend.pointwise(matrices, bias: joined) : try packed(matrices, joined, true)
  }

  /// A convolution of each channel by itself, `NAME.weight` [channels, 1, size, size] and `NAME.bias`.
  /// - Parameter rows: the pixels it makes.
  package func depthwise(
    _ name: String, _ channels: Int, size: Int, on rows: Rows, bias: Bool = true
  ) throws -> DepthwiseConvolution {
    let matrix = try single(noted(name + ".weight", [channels, 1, size, size], .unitGain()))
    let bias = bias ? try tensor(name + ".bias", [channels], start: .bias) : nil
    collector?.add(channels * size * size, rows, .one, stage)
    return packs
      ? try DepthwiseConvolution(matrix, size: size, bias: bias)
      : try DepthwiseConvolution(unpacked: channels, size: size, bias: bias)
  }

  /// A linear attention of all heads together, which has no parameters: sums of keys and values, and what queries make of them.
  package func linearAttention(_ width: Int, headSize: Int, on rows: Rows) {
    collector?.add(2 * width * (headSize + 1), rows, .one, stage)
  }

  /// A 1×1 convolution in groups of channels, `NAME.weight` [channels, channels / groups, 1, 1], as a layer for each of them.
  package func groupedPointwise(
    _ name: String, _ channels: Int, groups: Int, on rows: Rows, precise: Bool = false
  ) throws -> [Linear] {
    let width = channels / groups
    let matrix = try single(noted(name + ".weight", [channels, width, 1, 1], .unitGain()))
    collector?.add(channels * width, rows, .one, stage)
    return try (0..<groups).map { group in
      guard packs else { return Linear(unpacked: width, width, bias: nil) }
      let part = matrix.rows(group * width..<(group + 1) * width)
      return try precise ? backend.linear([part], precise: true) : backend.pointwise([part])
    }
  }

  /// Scores and mixtures of an attention of all heads together, which has no parameters.
  package func attention(_ width: Int, queries: Rows, keys: Rows) { collector?.add(2 * width, queries, keys, stage) }
}
