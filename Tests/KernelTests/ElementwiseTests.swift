import DiTCKernels
import Foundation
import Testing

@Suite struct ElementwiseTests {
  static let activations = [DK_ACT_NONE, DK_ACT_GELU_TANH, DK_ACT_GELU_ERF, DK_ACT_GELU_QUICK, DK_ACT_SILU, DK_ACT_RELU]
  static let shapes = [(1, 1), (3, 5), (7, 64), (2, 33), (70, 500), (9, 3)]

  @Test(arguments: [DK_F32, DK_BF16], [0, 3])
  func allMatchTheReference(type: dk_type, gap: Int) throws {
    for (rows, columns) in Self.shapes {
      var numbers = Numbers(seed: 1)
      let a = Rows(type, rows, columns, gap: gap, values: numbers.array(rows * columns, scale: 4))
      let b = Rows(DK_F32, rows, columns, gap: 2 * gap, values: numbers.array(rows * columns))
      for out in [DK_F32, DK_BF16] {
        let limit = out == DK_F32 ? 1e-12 : bf16Limit
        for activation in Self.activations {
          try holdAgainstReference("activation \(activation.rawValue) \(rows)x\(columns)", limit: limit, openBLAS: false) { engine in
            let y = Rows(out, rows, columns, gap: gap)
            try checked(dk_activate(engine, activation, rows, columns, a.view, y.view))
            #expect(y.gapsAreIntact)
            return y.array + [1]  // a ReLU of one number may be 0
          }
        }
        try holdAgainstReference("gated \(rows)x\(columns)", limit: limit, openBLAS: false) { engine in
          let y = Rows(out, rows, columns, gap: gap)
          try checked(dk_activate_multiply(engine, DK_ACT_GELU_TANH, rows, columns, a.view, b.view, y.view))
          #expect(y.gapsAreIntact)
          return y.array
        }
        try holdAgainstReference("sum \(rows)x\(columns)", limit: limit, openBLAS: false) { engine in
          let y = Rows(out, rows, columns, gap: gap)
          try checked(dk_add(engine, rows, columns, a.view, b.view, y.view))
          #expect(y.gapsAreIntact)
          return y.array
        }
      }
    }
  }

  @Test func referenceComputesTheFormulas() throws {
    let x: [Float] = [-3, -0.5, 0, 0.25, 2]
    let rows = Rows(DK_F32, 1, 5, values: x)
    let engine = try Engines.get(DK_BACKEND_REFERENCE)
    let formulas: [(dk_activation, (Double) -> Double)] = [
      (DK_ACT_NONE, { $0 }), (DK_ACT_RELU, { max($0, 0) }), (DK_ACT_SILU, { $0 / (1 + exp(-$0)) }),
      (DK_ACT_GELU_QUICK, { $0 / (1 + exp(-1.702 * $0)) }),
      (DK_ACT_GELU_ERF, { 0.5 * $0 * (1 + erf($0 / 2.0.squareRoot())) }),
      (DK_ACT_GELU_TANH, { 0.5 * $0 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) }),
    ]
    for (activation, formula) in formulas {
      let out = Rows(DK_F32, 1, 5)
      try checked(dk_activate(engine, activation, 1, 5, rows.view, out.view))
      for (value, result) in zip(x, out.array) { #expect(abs(Double(result) - formula(Double(value))) < 1e-6) }
      try checked(dk_activate_multiply(engine, activation, 1, 5, rows.view, rows.view, out.view))
      for (value, result) in zip(x, out.array) { #expect(abs(Double(result) - formula(Double(value)) * Double(value)) < 1e-6) }
    }
    let out = Rows(DK_F32, 1, 5)
    try checked(dk_add(engine, 1, 5, rows.view, rows.view, out.view))
    #expect(out.array == x.map { 2 * $0 })
  }

  @Test func worksInPlaceAndWithLargeNumbers() throws {
    var numbers = Numbers(seed: 2)
    let values = numbers.array(3000, scale: 300) + [3e38, -3e38, 1e-37, -100, 100]
    for activation in Self.activations {
      try holdAgainstReference("in place \(activation.rawValue)", limit: 1e-12) { engine in
        let y = Rows(DK_F32, 1, values.count, values: values)
        try checked(dk_activate(engine, activation, 1, values.count, y.view, y.view))
        return y.array.map { $0.isFinite ? $0 / 1e30 : .nan } + y.array.map { abs($0) < 1e5 ? $0 : 0 }
      }
    }
  }
}
