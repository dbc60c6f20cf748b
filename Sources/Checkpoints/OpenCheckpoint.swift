import Foundation

/// Opens a checkpoint, recognised by its content, never by its name: a safetensors file, the index of a sharded one, a
/// PyTorch checkpoint (zip or legacy), one of several shards, or a folder with one of them (``CheckpointFolder``).
/// - Parameter dictionary: which dictionary of a PyTorch checkpoint to read (`"ema"`, `"model"` …); nil chooses as
///   ``PyTorchFile/checkpoint(_:)`` says. Ignored for the other formats.
/// - Throws: ``LoadError``
package func openCheckpoint(at url: URL, dictionary: String? = nil) throws -> Checkpoint {
  var isFolder: ObjCBool = false
  let exists = FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder)
  // One shard stands for all: alone it is no checkpoint.
  let files = exists && isFolder.boolValue
    ? try CheckpointFolder(url).files() : try Shards(url.lastPathComponent)?.files(in: url.deletingLastPathComponent()) ?? [url]
  guard files.count > 1 else { return try openFile(MappedFile(files[0]), dictionary: dictionary, indexAllowed: true) }
  let shards = try files.map { try openFile(MappedFile($0), dictionary: dictionary) }
  return try Checkpoint(location: url.path, records: shards.flatMap(\.records), metadata: shards[0].metadata)
}

/// The format of a file, by its first bytes.
///
/// Safetensors comes first: its length may look like any other magic number, but no other format has a `{` in the ninth
/// byte after a length that fits the file.
package func openFile(_ file: MappedFile, dictionary: String? = nil, indexAllowed: Bool = false) throws -> Checkpoint {
  if Safetensors.recognises(file) { return try Safetensors.read(file) }
  if PyTorchFile.recognises(file) { return try PyTorchFile(file).checkpoint(dictionary) }
  if let reason = standIn(file.bytes) { throw LoadError.malformed(file: file.path, reason: reason) }
  if let reason = textInPlace(file.bytes) { throw LoadError.malformed(file: file.path, reason: reason) }
  if indexAllowed, beginsAsJSON(file.bytes) || file.path.hasSuffix(".json") { return try SafetensorsIndex.read(file) }
  // Damaged beyond recognition: the name tells what it was meant to be.
  if file.path.hasSuffix(".safetensors") { return try Safetensors.read(file) }
  throw LoadError.malformed(file: file.path, reason: "neither safetensors nor a PyTorch checkpoint")
}
