import DiTFiles
import Foundation

/// Opens a checkpoint, recognised by its content, never by its name: a safetensors file, the index of a sharded one, a
/// PyTorch checkpoint (zip or legacy), or a folder with one of them.
/// - Parameter dictionary: which dictionary of a PyTorch checkpoint to read (`"ema"`, `"model"` …); nil chooses as
///   ``PyTorchFile/checkpoint(_:)`` says. Ignored for the other formats.
/// - Throws: ``LoadError``
package func openCheckpoint(at url: URL, dictionary: String? = nil) throws -> Checkpoint {
  var isFolder: ObjCBool = false
  let exists = FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder)
  let file = exists && isFolder.boolValue ? try checkpointFile(in: url) : url
  return try openFile(MappedFile(file), dictionary: dictionary, indexAllowed: true)
}

/// The format of a file, by its first bytes.
///
/// Safetensors comes first: its length may look like any other magic number, but no other format has a `{` in the ninth
/// byte after a length that fits the file.
package func openFile(_ file: MappedFile, dictionary: String? = nil, indexAllowed: Bool = false) throws -> Checkpoint {
  if Safetensors.recognises(file) { return try Safetensors.read(file) }
  if PyTorchFile.recognises(file) { return try PyTorchFile(file).checkpoint(dictionary) }
  if indexAllowed, file.bytes.first == UInt8(ascii: "{") { return try SafetensorsIndex.read(file) }
  // Damaged beyond recognition: the name tells what it was meant to be.
  if file.path.hasSuffix(".safetensors") { return try Safetensors.read(file) }
  let what = file.bytes.isEmpty ? "the file is empty" : "neither safetensors nor a PyTorch checkpoint"
  throw LoadError.malformed(file: file.path, reason: what)
}

/// The one checkpoint of a folder: the names the Hugging Face libraries use, else the only file of its kind.
private func checkpointFile(in folder: URL) throws -> URL {
  let names = try names(in: folder)
  let stems = ["model", "diffusion_pytorch_model", "pytorch_model"]
  for ending in [".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json"] {
    for stem in stems where names.contains(stem + ending) { return folder.appendingPathComponent(stem + ending) }
  }
  for ending in [SafetensorsIndex.suffix, ".safetensors", ".bin", ".pt", ".pth", ".ckpt"] {
    let matches = names.filter { $0.hasSuffix(ending) }
    if matches.count == 1 { return folder.appendingPathComponent(matches[0]) }
    if matches.count > 1 {
      throw LoadError.unreadable(
        file: folder.path,
        reason: "\(matches.count) \(ending) files, name one: \(matches.prefix(4).joined(separator: ", "))")
    }
  }
  throw LoadError.unreadable(file: folder.path, reason: "no checkpoint in this folder (*.safetensors, *.bin, *.pt)")
}
