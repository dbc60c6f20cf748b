import Foundation

/// Opens a checkpoint: a safetensors file.
/// - Throws: ``LoadError``
public func openCheckpoint(at url: URL) throws -> Checkpoint {
  try Safetensors.read(MappedFile(url))
}
