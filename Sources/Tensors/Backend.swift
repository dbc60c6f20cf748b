import DiTCKernels
import DiTCOpenBLAS
import Foundation

/// Does the arithmetic: one engine (threads and an instruction set) and the kernels it chose.
///
/// Three kinds compute the same functions: `reference` (plain loops, double accumulation), `openblas` (float32 sgemm)
/// and `native` (the kernels of `CKernels`). Results do not depend on the number of threads.
///
/// `@unchecked Sendable`: everything here is constant but the engine's threads and scratch memory, which a lock in the
/// engine gives to one operation at a time.
public final class Backend: @unchecked Sendable {
  /// Who multiplies.
  public enum Kind: String, Sendable, CaseIterable { case reference, openblas, native }

  /// Who multiplies.
  public let kind: Kind
  /// Never `.auto`: what was chosen for this machine.
  public let precision: Precision
  /// Threads that compute, the caller's included.
  public let threads: Int
  let engine: OpaquePointer
  /// Where operations are written down, for gradients. A backend that has one serves one thread.
  package let tape: Tape?

  /// - Parameters:
  ///   - threads: nil uses as many as there are processors to run on.
  ///   - cpu: the instruction set, by a name of ``cpuLevels``; nil takes `DIT_T2I_CPU`, or the best the CPU has where that
  ///     is not set.
  /// - Throws: `BackendError`.
  public convenience init(_ kind: Kind = .native, precision: Precision = .auto, threads: Int? = nil, cpu: String? = nil) throws {
    try self.init(kind, precision: precision, threads: threads, cpu: cpu, tape: nil)
  }

  /// One whose operations are written down while the tape records.
  package init(
    _ kind: Kind = .native, precision: Precision = .auto, threads: Int? = nil, cpu: String? = nil, tape: Tape?
  ) throws {
    self.kind = kind
    self.tape = tape
    self.threads = max(1, threads ?? ProcessInfo.processInfo.activeProcessorCount)
    let name =
      switch kind {
      case .reference: DK_BACKEND_REFERENCE
      case .openblas: DK_BACKEND_OPENBLAS
      case .native: DK_BACKEND_NATIVE
      }
    guard let engine = dk_engine_create(Int32(clamping: self.threads), name, try dk_cpu_level(named: cpu)) else {
      throw BackendError.outOfMemory("the engine")
    }
    self.engine = engine
    self.precision = precision == .auto ? Backend.fastest(engine, kind) : precision
    if kind == .openblas {
      guard let sgemm = copenblas_sgemm() else {
        dk_engine_destroy(engine)
        throw BackendError.openBLASMissing
      }
      dk_engine_use_sgemm(engine, sgemm)
    }
  }

  deinit { dk_engine_destroy(engine) }

  /// What `.auto` is: the fastest of the precisions in which pictures stay what they are in float32 (docs/SPEED.md).
  private static func fastest(_ engine: OpaquePointer, _ kind: Kind) -> Precision {
    guard kind == .native else { return .f32 }
    if dk_engine_has_bf16(engine) != 0 { return .bf16 }
    return dk_engine_has_int12(engine) != 0 ? .int12 : .f32
  }

  /// The type activations have between linears: bfloat16 where the kernels compute in it.
  package var activationType: ElementType {
    let isNarrow = precision == .bf16 || precision == .int8
    return kind == .native && isNarrow && dk_engine_has_bf16(engine) != 0 ? .bf16 : .f32
  }

  /// Whether attention and convolutions multiply twelve-bit integers: with the precisions of integers, where activations
  /// stay float32.
  var multipliesLevels: Bool {
    kind == .native && (precision == .int12 || precision == .int8) && activationType == .f32
  }

  /// The instruction set the kernels were chosen for: "avx2", for instance.
  public var cpuLevel: String { dk_engine_level(engine).name }
}
