import DiTCKernels
import DiTCOpenBLAS
import DiTErrors
import Foundation

/// What can go wrong when a backend is made or a matrix is packed.
package enum BackendError: UserError {
  case openBLASMissing
  case outOfMemory(String)

  package var kind: UserErrorKind {
    switch self {
    case .openBLASMissing: .notFound
    case .outOfMemory: .outOfMemory
    }
  }

  package var description: String {
    switch self {
    case .openBLASMissing:
      "--backend openblas needs libopenblas.so.0, which is not installed: apt-get install libopenblas0, or use --backend native"
    case .outOfMemory(let what): "not enough memory for \(what)"
    }
  }
}

/// Does the arithmetic: one engine (threads and CPU features) and the kernels it chose.
///
/// Three kinds compute the same functions: `reference` (plain loops, double accumulation), `openblas` (float32 sgemm)
/// and `native` (the kernels of `CKernels`). Results do not depend on the number of threads.
package final class Backend: @unchecked Sendable {
  package enum Kind: String, Sendable, CaseIterable { case reference, openblas, native }

  package let kind: Kind
  /// Never `.auto`: what was chosen for this machine.
  package let precision: Precision
  package let threads: Int
  let engine: OpaquePointer

  /// - Parameters:
  ///   - threads: nil uses as many as there are processors to run on.
  ///   - cpu: "portable", "avx2" or nil for the best the CPU has; for tests.
  package init(
    _ kind: Kind = .native, precision: Precision = .auto, threads: Int? = nil, cpu: dk_cpu_level = DK_CPU_AVX512
  ) throws {
    self.kind = kind
    self.threads = max(1, threads ?? ProcessInfo.processInfo.activeProcessorCount)
    self.precision = Backend.resolve(precision, kind)
    let name =
      switch kind {
      case .reference: DK_BACKEND_REFERENCE
      case .openblas: DK_BACKEND_OPENBLAS
      case .native: DK_BACKEND_NATIVE
      }
    guard let engine = dk_engine_create(Int32(self.threads), name, cpu) else {
      throw BackendError.outOfMemory("the engine")
    }
    self.engine = engine
    if kind == .openblas {
      guard let sgemm = copenblas_sgemm() else {
        dk_engine_destroy(engine)
        throw BackendError.openBLASMissing
      }
      dk_engine_use_sgemm(engine, sgemm)
    }
  }

  deinit { dk_engine_destroy(engine) }

  private static func resolve(_ precision: Precision, _ kind: Kind) -> Precision {
    guard precision == .auto else { return precision }
    return kind == .native && dk_cpu_has_bf16() != 0 ? .bf16 : .f32
  }

  /// The type activations have between linears: bfloat16 where the kernels compute in it.
  package var activationType: ElementType {
    kind == .native && precision != .f32 && dk_cpu_has_bf16() != 0 ? .bf16 : .f32
  }

  var weightKind: dk_weight_kind {
    switch precision {
    case .auto, .f32: DK_WEIGHT_F32
    case .bf16: DK_WEIGHT_BF16
    case .int8: DK_WEIGHT_INT8
    }
  }

  // MARK: packing

  /// Packs a linear layer. Several matrices of one width are stacked along their outputs (q, k, v become one).
  /// - Parameter precise: keep it float32 whatever the precision (small layers that feed everything, like the timestep MLP).
  package func linear(_ matrices: [StoredMatrix], bias: Tensor? = nil, precise: Bool = false) throws -> Linear {
    try linear(matrices, bias: bias, kind: precise ? DK_WEIGHT_F32 : weightKind)
  }

  private func linear(_ matrices: [StoredMatrix], bias: Tensor?, kind: dk_weight_kind) throws -> Linear {
    let (outputs, inputs) = Backend.shape(matrices, bias)
    let memory = try memory(outputs, inputs, kind)
    fill(memory, matrices)
    return Linear(outputs: outputs, inputs: inputs, bias: bias, memory: memory)
  }

  /// For layers of one shape that a drawing needs once: no more than one of them is in memory.
  package func linearsInTurn(_ layers: [(matrices: [StoredMatrix], bias: Tensor?)]) throws -> LinearsInTurn {
    let (outputs, inputs) = Backend.shape(layers[0].matrices, layers[0].bias)
    precondition(
      layers.allSatisfy { Backend.shape($0.matrices, $0.bias) == (outputs, inputs) }, "layers in turn differ in shape")
    return LinearsInTurn(layers, outputs: outputs, inputs: inputs, memory: try memory(outputs, inputs, weightKind))
  }

  /// Packs the layer whose turn it is; it is valid until the next one's.
  package func take(_ index: Int, of turns: LinearsInTurn) -> Linear {
    let layer = turns.layers[index]
    fill(turns.memory, layer.matrices)
    return Linear(outputs: turns.outputs, inputs: turns.inputs, bias: layer.bias, memory: turns.memory)
  }

  private static func shape(_ matrices: [StoredMatrix], _ bias: Tensor?) -> (outputs: Int, inputs: Int) {
    let outputs = matrices.reduce(0) { $0 + $1.rows }
    let inputs = matrices[0].columns
    precondition(matrices.allSatisfy { $0.columns == inputs }, "stacked matrices differ in width")
    precondition(bias.map { $0.count == outputs && $0.type == .f32 } ?? true, "bias does not fit")
    return (outputs, inputs)
  }

  private func memory(_ outputs: Int, _ inputs: Int, _ kind: dk_weight_kind) throws -> PackedMatrix {
    guard let pointer = dk_weight_create(engine, kind, outputs, inputs) else {
      throw BackendError.outOfMemory("a \(outputs)×\(inputs) matrix")
    }
    return PackedMatrix(pointer)
  }

  private func fill(_ memory: PackedMatrix, _ matrices: [StoredMatrix]) {
    Backend.withSources(matrices) { dk_weight_fill(engine, memory.pointer, $0) }
    for matrix in matrices { matrix.release() }
  }

  /// Packs a 3×3 convolution; `matrix` is [out][in·9], PyTorch's [out, in, 3, 3].
  /// - Parameter precise: keep it float32 whatever the precision (the few channels of latents and pictures).
  package func convolution(_ matrix: StoredMatrix, bias: Tensor? = nil, precise: Bool = false) throws -> Convolution {
    let kind = !precise && activationType == .bf16 ? DK_WEIGHT_BF16 : DK_WEIGHT_F32
    let packed = Backend.withSources([matrix]) { sources in
      dk_convolution_pack(engine, kind, matrix.rows, matrix.columns / 9, sources)
    }
    guard let packed else { throw BackendError.outOfMemory("a convolution of \(matrix.rows) channels") }
    return Convolution(outputs: matrix.rows, inputs: matrix.columns / 9, bias: bias, packed: packed)
  }

  /// Packs a 1×1 convolution as a linear over pixels, in the type 3×3 convolutions are packed in: never int8.
  package func pointwise(_ matrices: [StoredMatrix], bias: Tensor? = nil) throws -> Linear {
    let kind = activationType == .bf16 ? DK_WEIGHT_BF16 : DK_WEIGHT_F32
    return try linear(matrices, bias: bias, kind: kind)
  }

  private static func withSources<Result>(
    _ matrices: [StoredMatrix], _ body: (UnsafePointer<dk_source>?) -> Result
  ) -> Result {
    let scales = matrices.map { $0.scales ?? [] }.flatMap { $0 }
    return scales.withUnsafeBufferPointer { all in
      var at = 0
      let sources = matrices.map { matrix -> dk_source in
        defer { at += matrix.scales?.count ?? 0 }
        return dk_source(
          type: matrix.type.stored ?? DK_STORED_F32, rows: matrix.rows, data: matrix.bytes,
          scales: matrix.scales == nil ? nil : all.baseAddress.map { $0 + at })
      }
      return withExtendedLifetime(matrices.map(\.owner)) {
        sources.withUnsafeBufferPointer { body($0.baseAddress) }
      }
    }
  }
}
