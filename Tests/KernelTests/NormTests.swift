import DiTCKernels
import Foundation
import DiTTensors
import Testing

@Suite struct NormTests {
  static let shapes = [(1, 1), (5, 10), (6, 64), (33, 384), (4, 1152), (3, 77)]

  @Test(arguments: [DK_F32, DK_BF16], [DK_F32, DK_BF16])
  func layerNormMatchesTheReference(type: dk_type, out: dk_type) throws {
    for (rows, columns) in Self.shapes where columns > 1 {
      var numbers = Numbers(seed: 3)
      // Far from zero, as residual streams are: statistics in one pass would fail here.
      let x = Rows(type, rows, columns, gap: 3, values: numbers.array(rows * columns).map { $0 * 0.5 + 20 })
      let groups = (rows + 1) / 2
      let affine = Rows(DK_F32, 2, columns, values: numbers.array(2 * columns))
      let modulation = Rows(DK_F32, groups, 6 * columns, values: numbers.array(groups * 6 * columns))
      for options in 0..<4 {
        var arguments = dk_layer_norm_arguments()
        arguments.eps = 1e-6
        if options & 1 != 0 {
          arguments.weight = UnsafePointer(affine.floats)
          arguments.bias = UnsafePointer(affine.floats + columns)
        }
        if options & 2 != 0 {
          arguments.shift = UnsafePointer(modulation.floats + columns)
          arguments.scale = UnsafePointer(modulation.floats + 5 * columns)
          arguments.modulation_stride = 6 * columns
          arguments.rows_per_group = 2
        }
        try holdAgainstReference(
          "layer norm \(rows)x\(columns) options \(options)", limit: out == DK_F32 ? f32Limit : bf16Limit, openBLAS: false
        ) {
          let y = Rows(out, rows, columns, gap: 1)
          try checked(dk_layer_norm($0, rows, columns, x.view, &arguments, y.view))
          #expect(y.gapsAreIntact)
          return y.array
        }
      }
    }
  }

  @Test func layerNormReferenceComputesTheFormula() throws {
    var numbers = Numbers(seed: 4)
    let (rows, columns) = (4, 6)
    let values = numbers.array(rows * columns), parameters = numbers.array(2 * columns), modulation = numbers.array(4 * columns)
    let x = Rows(DK_F32, rows, columns, values: values), y = Rows(DK_F32, rows, columns)
    let affine = Rows(DK_F32, 2, columns, values: parameters), shifts = Rows(DK_F32, 4, columns, values: modulation)
    var arguments = dk_layer_norm_arguments(
      eps: 0.01, weight: affine.floats, bias: affine.floats + columns, shift: shifts.floats, scale: shifts.floats + columns,
      modulation_stride: 2 * columns, rows_per_group: 2)
    try checked(dk_layer_norm(Engines.get(DK_BACKEND_REFERENCE), rows, columns, x.view, &arguments, y.view))
    for row in 0..<rows {
      let own = values[row * columns..<(row + 1) * columns].map(Double.init)
      let mean = own.reduce(0, +) / 6, variance = own.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / 6
      for i in 0..<columns {
        let normal = (own[i] - mean) / (variance + 0.01).squareRoot() * Double(parameters[i]) + Double(parameters[columns + i])
        let group = row / 2 * 2 * columns
        let expected = normal * (1 + Double(modulation[group + columns + i])) + Double(modulation[group + i])
        #expect(abs(expected - Double(y[row, i])) < 1e-5)
      }
    }
  }

  @Test(arguments: [DK_F32, DK_BF16], [DK_F32, DK_BF16])
  func rmsNormMatchesTheReference(type: dk_type, out: dk_type) throws {
    for (rows, columns) in Self.shapes {
      var numbers = Numbers(seed: 5)
      let x = Rows(type, rows, columns, gap: 2, values: numbers.array(rows * columns, scale: 3))
      let weight = Rows(DK_F32, 1, columns, values: numbers.array(columns))
      let bias = Rows(DK_F32, 1, columns, values: numbers.array(columns))
      for bias in [nil, bias] {
        try holdAgainstReference("RMS norm \(rows)x\(columns)", limit: out == DK_F32 ? f32Limit : bf16Limit, openBLAS: false) {
          let y = Rows(out, rows, columns, gap: 5)
          try checked(dk_rms_norm($0, rows, columns, x.view, weight.floats, bias?.floats, 0.1, y.view))
          #expect(y.gapsAreIntact)
          return y.array
        }
      }
    }
    let x = Rows(DK_F32, 1, 2, values: [3, 4]), y = Rows(DK_F32, 1, 2), weight = Rows(DK_F32, 1, 2, values: [2, 1])
    let bias = Rows(DK_F32, 1, 2, values: [0, 7])
    try checked(dk_rms_norm(Engines.get(DK_BACKEND_REFERENCE), 1, 2, x.view, weight.floats, bias.floats, 0.5, y.view))
    let root = Float(13).squareRoot()  // (9 + 16) / 2 + 0.5
    #expect(abs(y[0, 0] - 6 / root) < 1e-6 && abs(y[0, 1] - 4 / root - 7) < 1e-6)
  }

  @Test(arguments: [DK_F32, DK_BF16], [DK_ACT_NONE, DK_ACT_SILU, DK_ACT_RELU])
  func groupNormMatchesTheReference(type: dk_type, activation: dk_activation) throws {
    for (batch, pixels, channels, groups) in [(2, 35, 12, 3), (1, 1, 4, 2), (1, 4500, 32, 4), (3, 300, 130, 65), (1, 140, 96, 32)] {
      var numbers = Numbers(seed: 6)
      let x = Rows(type, batch * pixels, channels, gap: 3, values: numbers.array(batch * pixels * channels).map { $0 * 0.5 + 8 })
      let affine = Rows(DK_F32, 2, channels, values: numbers.array(2 * channels))
      for out in [DK_F32, DK_BF16] {
        let normalise = { (engine: OpaquePointer, first: Int, count: Int) throws -> [Float] in
          let y = Rows(out, count * pixels, channels, gap: 1)
          try checked(
            dk_group_norm(
              engine, count, pixels, channels, groups, x.view(row: first * pixels), affine.floats, affine.floats + channels,
              1e-5, activation, y.view))
          #expect(y.gapsAreIntact)
          return y.array
        }
        try holdAgainstReference(
          "group norm \(pixels)x\(channels)/\(groups)", limit: out == DK_F32 ? f32Limit : bf16Limit, openBLAS: false
        ) {
          try normalise($0, 0, batch)
        }
        for level in Level.withoutEmulation {
          let engine = try Engines.get(DK_BACKEND_NATIVE, level: level.level)
          #expect(try sameBits(normalise(engine, 0, batch), (0..<batch).flatMap { try normalise(engine, $0, 1) }))
        }
      }
    }
  }

  @Test func groupNormReferenceMakesMeanZeroAndVarianceOne() throws {
    var numbers = Numbers(seed: 7)
    let (pixels, channels, groups) = (50, 6, 2)
    let x = Rows(DK_F32, pixels, channels, values: numbers.array(pixels * channels).map { $0 * 3 + 5 })
    let y = Rows(DK_F32, pixels, channels), affine = Rows(DK_F32, 2, channels, values: [1, 1, 1, 2, 2, 2, 0, 0, 0, 7, 7, 7])
    try checked(
      dk_group_norm(
        Engines.get(DK_BACKEND_REFERENCE), 1, pixels, channels, groups, x.view, affine.floats, affine.floats + channels, 0,
        DK_ACT_NONE, y.view))
    for (group, scale, shift) in [(0, 1.0, 0.0), (1, 2.0, 7.0)] {
      let all = (0..<pixels).flatMap { p in (0..<3).map { Double(y[p, group * 3 + $0]) } }
      let mean = all.reduce(0, +) / 150, variance = all.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / 150
      #expect(abs(mean - shift) < 1e-5 && abs(variance.squareRoot() - scale) < 1e-5)
    }
  }
}
