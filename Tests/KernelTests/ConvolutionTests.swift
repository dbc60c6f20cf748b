import DiTCKernels
import Foundation
import DiTTensors
import Testing

@Suite struct ConvolutionTests {
  struct Shape {
    var batch = 1
    let height: Int, width: Int, inputs: Int, outputs: Int
    var upsample = 1
    var stride = 1
    var padEndOnly = false
    var outHeight: Int { (height * upsample + stride - 1) / stride }
    var outWidth: Int { (width * upsample + stride - 1) / stride }
  }

  final class Problem {
    let shape: Shape, type: dk_type, outType: dk_type, activation: dk_activation
    let x, residual, bias: Rows
    let weights: [Float]
    var usesBias = true, usesResidual = true
    /// nil: the type's own.
    var weightKind: dk_weight_kind?

    init(_ shape: Shape, _ type: dk_type, out: dk_type? = nil, activation: dk_activation = DK_ACT_NONE) {
      (self.shape, self.type, outType, self.activation) = (shape, type, out ?? type, activation)
      var numbers = Numbers(seed: 9)
      let pixels = shape.batch * shape.height * shape.width, outPixels = shape.batch * shape.outHeight * shape.outWidth
      x = Rows(type, pixels, shape.inputs, gap: 3, values: numbers.array(pixels * shape.inputs))
      residual = Rows(outType, outPixels, shape.outputs, gap: 1, values: numbers.array(outPixels * shape.outputs))
      bias = Rows(DK_F32, 1, shape.outputs, values: numbers.array(shape.outputs))
      weights = numbers.array(shape.outputs * shape.inputs * 9, scale: 1 / Float(9 * shape.inputs).squareRoot())
    }

    func packed(_ engine: OpaquePointer) throws -> OpaquePointer {
      try weights.withUnsafeBytes { bytes in
        var source = dk_source(type: DK_STORED_F32, rows: shape.outputs, data: bytes.baseAddress, scales: nil)
        let kind = weightKind ?? (type == DK_F32 ? DK_WEIGHT_F32 : DK_WEIGHT_BF16)
        return try made(dk_convolution_pack(engine, kind, shape.outputs, shape.inputs, &source))
      }
    }

    func run(_ engine: OpaquePointer, picture: Int? = nil, into given: Rows? = nil) throws -> [Float] {
      let convolution = try packed(engine)
      defer { dk_convolution_free(convolution) }
      let count = picture == nil ? shape.batch : 1, outPixels = shape.outHeight * shape.outWidth, first = picture ?? 0
      let out = given ?? Rows(outType, count * outPixels, shape.outputs, gap: 2)
      var arguments = dk_convolution_arguments(
        batch: count, height: shape.height, width: shape.width, upsample: Int32(shape.upsample), stride: Int32(shape.stride),
        pad_end_only: shape.padEndOnly ? 1 : 0, bias: usesBias ? UnsafePointer(bias.floats) : nil, activation: activation)
      let none = dk_rows(type: DK_F32, data: nil, stride: 0)
      let added = given?.view ?? (usesResidual ? residual.view(row: first * outPixels) : none)
      let from = x.view(row: first * shape.height * shape.width)
      try checked(dk_convolve(engine, convolution, &arguments, from, added, out.view))
      #expect(out.gapsAreIntact)
      return out.array
    }
  }

  static let shapes = [
    Shape(batch: 2, height: 5, width: 7, inputs: 3, outputs: 3), Shape(height: 9, width: 13, inputs: 17, outputs: 33, upsample: 2),
    Shape(batch: 2, height: 6, width: 5, inputs: 8, outputs: 96), Shape(height: 7, width: 9, inputs: 64, outputs: 64, stride: 2),
    Shape(height: 8, width: 9, inputs: 32, outputs: 48, stride: 2, padEndOnly: true),
    Shape(height: 1, width: 1, inputs: 5, outputs: 4, upsample: 2), Shape(height: 1, width: 1, inputs: 2, outputs: 1),
    Shape(height: 4, width: 3, inputs: 10, outputs: 80, upsample: 2, stride: 2),
    Shape(height: 3, width: 70, inputs: 24, outputs: 32, upsample: 2),
    Shape(height: 3, width: 5, inputs: 128, outputs: 130, upsample: 2),
    Shape(height: 20, width: 33, inputs: 48, outputs: 16),
  ]

  @Test(arguments: [DK_F32, DK_BF16], [DK_F32, DK_BF16])
  func matchesTheReference(type: dk_type, out: dk_type) throws {
    for shape in Self.shapes {
      for activation in type == out ? [DK_ACT_NONE, DK_ACT_RELU, DK_ACT_SILU] : [DK_ACT_SILU] {
        let problem = Problem(shape, type, out: out, activation: activation)
        let limit = type == DK_F32 && out == DK_F32 ? f32Limit : 2e-5  // weights after doubling are rounded twice
        for options in activation == DK_ACT_SILU && type == out ? [0, 1, 2, 3] : [3] {
          (problem.usesBias, problem.usesResidual) = (options & 1 != 0, options & 2 != 0)
          try holdAgainstReference(
            "\(shape) options \(options)", limit: limit, openBLAS: type == DK_F32, tiles: type == DK_BF16
          ) { try problem.run($0) + [1] }
        }
      }
    }
  }

  @Test(arguments: [DK_F32, DK_BF16])
  func levelsMatchTheReference(type: dk_type) throws {
    for shape in Self.shapes {
      for activation in [DK_ACT_NONE, DK_ACT_SILU] {
        let problem = Problem(shape, type, out: DK_F32, activation: activation)
        problem.weightKind = DK_WEIGHT_INT12
        try holdAgainstReference("levels \(shape)", limit: Arithmetic.levels.limit, openBLAS: type == DK_F32) {
          try problem.run($0) + [1]
        }
      }
    }
  }

  /// Pixels and weights of the largest level, 4,608 of them a sum.
  @Test func sumsOfLevelsDoNotOverflow() throws {
    let pixels = 16, channels = 512
    let x = Rows(DK_F32, pixels, channels, values: [Float](repeating: -1, count: pixels * channels))
    let weights = [Float](repeating: 1, count: 2 * channels * 9)
    for level in Level.all {
      let engine = try Engines.get(DK_BACKEND_NATIVE, level: level.level), out = Rows(DK_F32, pixels, 2)
      let packed = try weights.withUnsafeBytes { bytes in
        var source = dk_source(type: DK_STORED_F32, rows: 2, data: bytes.baseAddress, scales: nil)
        return try made(dk_convolution_pack(engine, DK_WEIGHT_INT12, 2, channels, &source))
      }
      defer { dk_convolution_free(packed) }
      var arguments = dk_convolution_arguments()
      (arguments.batch, arguments.height, arguments.width, arguments.upsample, arguments.stride) = (1, 4, 4, 1, 1)
      let none = dk_rows(type: DK_F32, data: nil, stride: 0)
      try checked(dk_convolve(engine, packed, &arguments, x.view, none, out.view))
      #expect(abs(out[5, 0] + 4608) < 5, "\(level)")
    }
  }

  @Test func notANumberIsNotHidden() throws {
    for kind in [DK_WEIGHT_F32, DK_WEIGHT_INT12] {
      let problem = Problem(Shape(height: 9, width: 13, inputs: 5, outputs: 6), DK_F32)
      problem.weightKind = kind
      problem.x[30, 2] = .nan
      for level in Level.all {
        let result = try problem.run(Engines.get(DK_BACKEND_NATIVE, level: level.level))
        let isThere = result[30 * 6..<31 * 6].allSatisfy(\.isNaN)
        #expect(isThere, "\(level) \(kind)")
      }
    }
  }

  @Test func referenceComputesTheFormula() throws {
    for shape in [
      Shape(batch: 2, height: 3, width: 4, inputs: 2, outputs: 3), Shape(height: 3, width: 2, inputs: 2, outputs: 2, upsample: 2),
      Shape(height: 5, width: 4, inputs: 1, outputs: 2, stride: 2),
      Shape(height: 4, width: 6, inputs: 1, outputs: 2, stride: 2, padEndOnly: true),
    ] {
      let p = Problem(shape, DK_F32, activation: DK_ACT_RELU)
      let result = try p.run(Engines.get(DK_BACKEND_REFERENCE))
      // An input with its zeros around it, then windows of it.
      let (height, width) = (shape.height * shape.upsample, shape.width * shape.upsample), pad = shape.padEndOnly ? 0 : 1
      var expected: [Float] = []
      for b in 0..<shape.batch {
        for y in 0..<shape.outHeight {
          for x in 0..<shape.outWidth {
            for n in 0..<shape.outputs {
              var sum = Double(p.bias[0, n])
              for c in 0..<shape.inputs {
                for (ky, kx) in (0..<9).map({ ($0 / 3, $0 % 3) }) {
                  let (sy, sx) = (y * shape.stride + ky - pad, x * shape.stride + kx - pad)
                  guard (0..<height).contains(sy), (0..<width).contains(sx) else { continue }
                  let pixel = (b * shape.height + sy / shape.upsample) * shape.width + sx / shape.upsample
                  sum += Double(p.x[pixel, c]) * Double(p.weights[((n * shape.inputs + c) * 3 + ky) * 3 + kx])
                }
              }
              let pixel = (b * shape.outHeight + y) * shape.outWidth + x
              expected.append(Float(max(0, sum + Double(p.residual[pixel, n]))))
            }
          }
        }
      }
      #expect(Comparison(expected: expected, actual: result).maxAbsolute < 1e-5)
    }
  }

  @Test(arguments: Arithmetic.allCases, [DK_BACKEND_NATIVE, DK_BACKEND_OPENBLAS])
  func batchesHaveTheBitsOfSinglePictures(arithmetic: Arithmetic, backend: dk_backend) throws {
    for upsample in [1, 2] {
      let p = Problem(Shape(batch: 3, height: 9, width: 21, inputs: 20, outputs: 40, upsample: upsample), arithmetic.type)
      p.weightKind = arithmetic.weights
      for level in Level.all {
        let engine = try Engines.get(backend, level: level.level)
        #expect(try sameBits(p.run(engine), (0..<3).flatMap { try p.run(engine, picture: $0) }))
      }
    }
  }

  @Test func residualMayBeTheOutput() throws {
    for shape in Self.shapes {
      let p = Problem(shape, DK_F32, activation: DK_ACT_SILU)
      let pixels = shape.batch * shape.outHeight * shape.outWidth
      try holdAgainstReference("in place \(shape)", limit: f32Limit) {
        try p.run($0, into: Rows(DK_F32, pixels, shape.outputs, gap: 2, values: p.residual.array))
      }
    }
  }

  @Test(arguments: [DK_F32, DK_BF16], [DK_F32, DK_BF16])
  func upsamplingRepeatsPixels(type: dk_type, out: dk_type) throws {
    var numbers = Numbers(seed: 10)
    let (batch, height, width, channels) = (2, 3, 5, 7)
    let x = Rows(type, batch * height * width, channels, gap: 2, values: numbers.array(batch * height * width * channels))
    let y = Rows(out, batch * height * width * 4, channels, gap: 1)
    try checked(dk_upsample_nearest(Engines.get(DK_BACKEND_NATIVE), batch, height, width, channels, x.view, y.view))
    for b in 0..<batch {
      for (i, j) in (0..<4 * height * width).map({ ($0 / (2 * width), $0 % (2 * width)) }) {
        for c in 0..<channels {
          #expect(y[(b * 2 * height + i) * 2 * width + j, c] == x[(b * height + i / 2) * width + j / 2, c])
        }
      }
    }
    #expect(y.gapsAreIntact)
  }
}
