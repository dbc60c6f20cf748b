import ArgumentParser
import Diffusion
import Foundation
import Pipeline
import Tensors

extension Precision: ExpressibleByArgument {}
extension Backend.Kind: ExpressibleByArgument {}
extension Spacing: ExpressibleByArgument {}
extension Guidance.Channels: ExpressibleByArgument {}
extension TimestepInterval: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}
extension PictureSize: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}

/// Which model, and how it is computed.
struct EngineOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: ArgumentHelp("A model's name or folder.", valueName: "dir"))
  var model: String?

  @Option(help: "Numbers to compute in: auto, f32, bf16 or int8.")
  var precision: Precision?

  @Option(help: "What computes: native, openblas (float32) or reference (slow).")
  var backend: Backend.Kind?

  @Option(help: "Threads to use; the picture does not depend on it.")
  var threads: Int?

  func validate() throws {
    if let threads, !(1...256).contains(threads) { throw ValidationError("--threads \(threads): expected 1 to 256") }
    if backend == .openblas, let precision, precision == .bf16 || precision == .int8 {
      throw ValidationError("--backend openblas computes in float32: leave --precision out")
    }
  }

  func makeBackend(precision stored: Precision? = nil, kind: Backend.Kind? = nil) throws -> Backend {
    try Backend(backend ?? kind ?? .native, precision: precision ?? stored ?? .auto, threads: threads)
  }
}
