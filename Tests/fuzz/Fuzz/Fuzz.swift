// What libFuzzer's main calls. The reader is the one that FUZZ_TARGET names; without it, the names are printed.
import DiTErrors
import Foundation

nonisolated(unsafe) private let target: ([UInt8]) throws -> Void = {
  let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"]
  if let name, let target = targets[name] { return target }
  print(targets.keys.sorted().joined(separator: "\n"))
  exit(name == nil ? 0 : 64)
}()

@_cdecl("LLVMFuzzerInitialize")
public func initialize(_ count: UnsafeMutableRawPointer, _ arguments: UnsafeMutableRawPointer) -> Int32 {
  _ = target
  return 0
}

/// What is thrown is for a user, whatever was read.
@_cdecl("LLVMFuzzerTestOneInput")
public func test(_ data: UnsafePointer<UInt8>, _ size: Int) -> Int32 {
  do {
    try target(Array(UnsafeBufferPointer(start: data, count: size)))
  } catch {
    precondition(error is any UserError && !"\(error)".isEmpty, "no error for a user: \(type(of: error))")
  }
  return 0
}
