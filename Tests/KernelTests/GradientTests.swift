import DiTCKernels
import Foundation
import Testing

/// Gradients of rows: held against their references, and the references against what the operations themselves do when an
/// input changes a little.
@Suite struct GradientTests {
  static let shapes = [(1, 1), (3, 5), (7, 64), (2, 33), (70, 130), (130, 33), (9, 3)]

  /// Numbers that are there before: a gradient is added to them.
  private static func before(_ rows: Int, _ columns: Int, gap: Int = 0, seed: UInt64 = 30) -> Rows {
    var numbers = Numbers(seed: seed)
    return Rows(DK_F32, rows, columns, gap: gap, values: numbers.array(rows * columns))
  }

  @Test(arguments: [DK_F32, DK_BF16], [0, 3])
  func elementwiseGradientsMatchTheReference(type: dk_type, gap: Int) throws {
    for (rows, columns) in Self.shapes {
      var numbers = Numbers(seed: 31)
      let x = Rows(type, rows, columns, gap: gap, values: numbers.array(rows * columns, scale: 4))
      let dy = Rows(DK_F32, rows, columns, gap: 2 * gap, values: numbers.array(rows * columns))
      for activation in ElementwiseTests.activations {
        try holdAgainstReference("slope \(activation.rawValue) \(rows)x\(columns)", limit: 1e-12, openBLAS: false) {
          let dx = Self.before(rows, columns, gap: gap)
          try checked(dk_activate_gradient($0, activation, rows, columns, x.view, dy.view, dx.view))
          #expect(dx.gapsAreIntact)
          return dx.array
        }
      }
      try holdAgainstReference("product \(rows)x\(columns)", limit: 1e-12, openBLAS: false) {
        let out = Self.before(rows, columns, gap: gap)
        try checked(dk_multiply_add($0, rows, columns, x.view, dy.view, out.view))
        #expect(out.gapsAreIntact)
        return out.array
      }
    }
  }

  /// Slopes by central differences of the operation; ReLU's by its definition.
  @Test func slopesAreThoseOfTheActivations() throws {
    let engine = try Engines.get(DK_BACKEND_REFERENCE), step: Float = 1 / 64
    let points: [Float] = [-9, -3.25, -1, -0.5, 0.125, 0.75, 2, 5, 11], count = points.count
    let one = Rows(DK_F32, 1, count, values: Array(repeating: 1, count: count))
    for activation in ElementwiseTests.activations {
      func values(_ offset: Float) throws -> [Float] {
        let x = Rows(DK_F32, 1, count, values: points.map { $0 + offset })
        try checked(dk_activate(engine, activation, 1, count, x.view, x.view))
        return x.array
      }
      let x = Rows(DK_F32, 1, count, values: points), dx = Rows(DK_F32, 1, count, values: Array(repeating: 0, count: count))
      try checked(dk_activate_gradient(engine, activation, 1, count, x.view, one.view, dx.view))
      for (slope, pair) in try zip(dx.array, zip(values(step), values(-step))) {
        #expect(abs(slope - (pair.0 - pair.1) / (2 * step)) < 3e-4, "\(activation)")
      }
    }
  }

  @Test func slopesOfLargeAndSmallNumbers() throws {
    let least = Float.leastNonzeroMagnitude
    let values: [Float] = [3e38, -3e38, 1e20, -1e20, 1e-37, least, -least, 0, -100, 100, -88, 88, -12, 12]
    let x = Rows(DK_F32, 1, values.count, values: values)
    let one = Rows(DK_F32, 1, values.count, values: Array(repeating: 1, count: values.count))
    for activation in ElementwiseTests.activations {
      try holdAgainstReference("slopes \(activation.rawValue)", limit: 1e-13) { engine in
        let dx = Rows(DK_F32, 1, values.count, values: Array(repeating: 0, count: values.count))
        try checked(dk_activate_gradient(engine, activation, 1, values.count, x.view, one.view, dx.view))
        return dx.array
      }
    }
  }

  // MARK: norms and gates

  /// Options of a norm or gate: what is given, and what is asked for.
  private struct Options: OptionSet {
    let rawValue: Int
    static let weight = Options(rawValue: 1), scale = Options(rawValue: 2), sums = Options(rawValue: 4)
    static let products = Options(rawValue: 8)
    static let all: [Options] = [[], .weight, .scale, [.weight, .sums], .products, [.weight, .scale, .sums, .products]]
  }

  private enum Kind: CaseIterable { case layerNorm, rmsNorm, gate }

  /// dx and what the groups share.
  private static func run(
    _ kind: Kind, _ options: Options, _ engine: OpaquePointer, _ x: Rows, _ dy: Rows, groups: Int, eps: Float = 1e-6
  ) throws -> [Float] {
    let (rows, columns) = (x.rows, x.columns), perGroup = (rows + groups - 1) / groups
    var numbers = Numbers(seed: 32)
    let weight = Rows(DK_F32, 1, columns, values: numbers.array(columns))
    // Tables are wider than what is read of them.
    let scale = Rows(DK_F32, groups, columns, gap: 3, values: numbers.array(groups * columns))
    let sums = before(groups, columns, gap: 3, seed: 33), products = before(groups, columns, gap: 3, seed: 34)
    let dx = before(rows, columns, gap: 1)
    let gain = options.contains(.weight) ? UnsafePointer(weight.floats) : nil
    let table = options.contains(.scale) ? UnsafePointer(scale.floats) : nil
    let (first, second) = (options.contains(.sums) ? sums.floats : nil, options.contains(.products) ? products.floats : nil)
    switch kind {
    case .layerNorm:
      var arguments = dk_layer_norm_gradient_arguments(
        eps: eps, weight: gain, scale: table, d_shift: first, d_scale: second, modulation_stride: columns + 3,
        rows_per_group: perGroup)
      try checked(dk_layer_norm_gradient(engine, rows, columns, x.view, &arguments, dy.view, dx.view))
    case .rmsNorm: try checked(dk_rms_norm_gradient(engine, rows, columns, x.view, gain, eps, dy.view, dx.view, second))
    case .gate:
      try checked(dk_gate_gradient(engine, rows, columns, dy.view, table, columns + 3, perGroup, x.view, dx.view, second))
    }
    #expect(dx.gapsAreIntact && sums.gapsAreIntact && products.gapsAreIntact)
    return dx.array + sums.array + products.array
  }

  @Test(arguments: [DK_F32, DK_BF16])
  func normsAndGatesMatchTheReference(type: dk_type) throws {
    for (rows, columns) in Self.shapes where columns > 1 {
      var numbers = Numbers(seed: 35)
      // Far from zero, as residual streams are.
      let x = Rows(type, rows, columns, gap: 2, values: numbers.array(rows * columns).map { $0 * 0.5 + 4 })
      let dy = Rows(DK_F32, rows, columns, gap: 1, values: numbers.array(rows * columns))
      for kind in Kind.allCases {
        for options in Options.all {
          try holdAgainstReference("\(kind) \(rows)x\(columns) options \(options.rawValue)", limit: f32Limit, openBLAS: false) {
            try Self.run(kind, options, $0, x, dy, groups: min(rows, 3))
          }
        }
      }
    }
  }

  /// Σ out · dy changes by as much as the gradients say, whichever number changes.
  @Test func referencesAreTheSlopesOfTheNorms() throws {
    let engine = try Engines.get(DK_BACKEND_REFERENCE), (rows, columns, groups) = (4, 6, 2), step: Float = 1 / 128
    var numbers = Numbers(seed: 36)
    var inputs = [numbers.array(rows * columns), numbers.array(columns)]
    inputs += [numbers.array(groups * columns), numbers.array(groups * columns)]
    let dy = Rows(DK_F32, rows, columns, values: numbers.array(rows * columns))
    for kind in Kind.allCases {
      /// Of x, weight, scale or gate, and shift.
      func loss(_ inputs: [[Float]]) throws -> Double {
        let x = Rows(DK_F32, rows, columns, values: inputs[0]), weight = Rows(DK_F32, 1, columns, values: inputs[1])
        let scale = Rows(DK_F32, groups, columns, values: inputs[2]), shift = Rows(DK_F32, groups, columns, values: inputs[3])
        let out = Rows(DK_F32, rows, columns)
        switch kind {
        case .layerNorm:
          var arguments = dk_layer_norm_arguments(
            eps: 0.1, weight: weight.floats, bias: nil, shift: shift.floats, scale: scale.floats, modulation_stride: columns,
            rows_per_group: rows / groups)
          try checked(dk_layer_norm(engine, rows, columns, x.view, &arguments, out.view))
        case .rmsNorm: try checked(dk_rms_norm(engine, rows, columns, x.view, weight.floats, nil, 0.1, out.view))
        case .gate:
          for row in 0..<rows { for i in 0..<columns { out[row, i] = x[row, i] * scale[row / (rows / groups), i] } }
        }
        return zip(out.array, dy.array).reduce(0) { $0 + Double($1.0) * Double($1.1) }
      }
      let zero = { (rows: Int) in Rows(DK_F32, rows, columns, values: Array(repeating: 0, count: rows * columns)) }
      let x = Rows(DK_F32, rows, columns, values: inputs[0]), weight = Rows(DK_F32, 1, columns, values: inputs[1])
      let scale = Rows(DK_F32, groups, columns, values: inputs[2])
      let (dx, dWeight, dScale, dShift) = (zero(rows), zero(1), zero(groups), zero(groups))
      var gradients = [dx]
      switch kind {
      case .layerNorm:
        var arguments = dk_layer_norm_gradient_arguments(
          eps: 0.1, weight: weight.floats, scale: scale.floats, d_shift: dShift.floats, d_scale: dScale.floats,
          modulation_stride: columns, rows_per_group: rows / groups)
        try checked(dk_layer_norm_gradient(engine, rows, columns, x.view, &arguments, dy.view, dx.view))
        gradients += [dWeight, dScale, dShift]
      case .rmsNorm:
        try checked(dk_rms_norm_gradient(engine, rows, columns, x.view, weight.floats, 0.1, dy.view, dx.view, dWeight.floats))
        gradients += [dWeight]
      case .gate:
        try checked(
          dk_gate_gradient(
            engine, rows, columns, dy.view, scale.floats, columns, rows / groups, x.view, dx.view, dScale.floats))
        gradients += [dWeight, dScale]
      }
      for (index, gradient) in gradients.enumerated() where index != 1 || kind == .rmsNorm {
        for (i, slope) in gradient.array.enumerated() {
          var (above, below) = (inputs, inputs)
          above[index][i] += step
          below[index][i] -= step
          let difference = try (loss(above) - loss(below)) / Double(2 * step)
          #expect(abs(Double(slope) - difference) < 2e-3, "\(kind), input \(index), number \(i)")
        }
      }
    }
  }

  /// Nobody has to keep a branch whose gate is not taught.
  @Test func branchesAreReadForTheirGatesOnly() throws {
    let dy = Self.before(5, 9), unknown = Rows(DK_F32, 5, 9, values: Array(repeating: .nan, count: 45))
    for backend in [DK_BACKEND_REFERENCE, DK_BACKEND_NATIVE] {
      let engine = try Engines.get(backend)
      #expect(try Self.run(.gate, .scale, engine, unknown, dy, groups: 2).allSatisfy(\.isFinite))
      #expect(try !Self.run(.gate, [.scale, .products], engine, unknown, dy, groups: 2).allSatisfy(\.isFinite))
    }
  }

  @Test func surviveWantOfMemory() throws {
    var numbers = Numbers(seed: 37)
    let x = Rows(DK_F32, 40, 32, values: numbers.array(40 * 32)), dy = Rows(DK_F32, 40, 32, values: numbers.array(40 * 32))
    for kind in Kind.allCases {
      for backend in [DK_BACKEND_REFERENCE, DK_BACKEND_NATIVE] {
        let engine = try TestEngine(backend), run = { try Self.run(kind, [.scale, .sums, .products], $0, x, dy, groups: 2) }
        let expected = try engine.use(run), asks = backend == DK_BACKEND_REFERENCE || kind != .gate
        dk_fail_allocation(1)
        let starved = Result { try engine.use(run) }
        dk_fail_allocation(0)
        if asks { #expect(throws: NoMemory.self) { try starved.get() } }
        #expect(try sameBits(engine.use(run), expected))
      }
    }
  }
}
