import Foundation
import DiTTensors

/// A PyTorch checkpoint (`.pt`, `.pth`, `.bin`, `.ckpt`), read without executing its pickle.
///
/// The numbers stay in the mapped file. Two containers: the zip archive of `torch.save` since 1.6, and the run of
/// pickles before it. (torch/serialization.py: `_save`, `_legacy_save`.)
package struct PyTorchFile {
  private let file: MappedFile
  private let pickle: PickleReader
  /// Where in the file each storage of the pickle starts.
  private let starts: [Int]

  static func recognises(_ file: MappedFile) -> Bool {
    file.bytes.starts(with: ZipArchive.magic)
      || file.bytes.count >= 2 && file.bytes[0] == 0x80 && (2...5).contains(file.bytes[1])
  }

  /// - Throws: ``LoadError``: damaged or hostile files, and names of Python objects that no checkpoint needs.
  package init(_ url: URL) throws { try self.init(MappedFile(url)) }

  init(_ file: MappedFile) throws {
    self.file = file
    (pickle, starts) = try parsing(file) {
      try file.bytes.starts(with: ZipArchive.magic) ? Self.readZip(file.bytes) : LegacyTorch.read(file.bytes)
    }
    try parsing(file) {
      // Views may share or repeat their numbers: what they would take as copies is bounded by what the file holds.
      let limit = PickleLimits.expanded(fileSize: file.bytes.count)
      var total = 0
      for tensor in pickle.tensors {
        let type = pickle.storages[tensor.storage].type
        total = total.addingReportingOverflow(checkedByteCount(shape: tensor.shape, type: type) ?? limit).partialValue
        guard (0...limit).contains(total) else {
          throw Malformed("the tensors would take over \(limit) bytes, far more than the file")
        }
      }
    }
  }

  private static func readZip(_ bytes: UnsafeRawBufferPointer) throws -> (PickleReader, [Int]) {
    let zip = try ZipArchive(bytes)
    guard let range = zip.entries["data.pkl"] else {
      throw Malformed("the zip has no \(zip.root)data.pkl: not of PyTorch")
    }
    if let order = zip.entries["byteorder"], !bytes[order].elementsEqual("little".utf8) {
      throw Malformed("the numbers are not little-endian")
    }
    let body = UnsafeRawBufferPointer(rebasing: bytes[range])
    let pickle = try PickleReader(body)
    guard pickle.end == body.count else { throw Malformed("bytes follow the pickle in data.pkl") }
    let starts = try pickle.storages.map { storage in
      guard let entry = zip.entries["data/\(storage.key.string)"] else {
        throw Malformed("no entry \(printable("\(zip.root)data/\(storage.key.string)")) in the zip")
      }
      guard let size = checkedByteCount(shape: [storage.count], type: storage.type), size <= entry.count else {
        throw Malformed(
          "storage \(storage.key) has \(entry.count) bytes, too few for \(storage.count) \(storage.type.rawValue)")
      }
      return entry.lowerBound
    }
    return (pickle, starts)
  }

  // MARK: dictionaries

  /// The dictionaries of the top level that hold tensors, by name.
  package var dictionaries: [String] {
    get throws { try parsing(file) { try tensorDictionaries().map(\.name.string) } }
  }

  /// The tensors of one dictionary.
  ///
  /// - Parameter name: of a dictionary of the top level. nil takes `ema`, `state_dict`, `model` or their like if there is one
  ///   (training checkpoints of DiT hold the averaged weights, which are the ones to sample with, in `ema`); else the
  ///   tensors of the top level itself; else its only dictionary of tensors.
  /// - Throws: ``LoadError/malformed(file:tensor:reason:)`` if there are no tensors, or it is unclear which are meant.
  package func checkpoint(_ name: String? = nil) throws -> Checkpoint {
    try parsing(file) {
      let nested = try tensorDictionaries()
      func choice(_ name: String) -> Int? { nested.first { $0.name == TensorName(name) }?.index }
      if let name {
        guard let index = choice(name) else {
          throw Malformed("no dictionary \(printable(name)) of tensors\(list(nested))")
        }
        return try checkpoint(at: index)
      }
      let usual = ["ema", "params_ema", "state_dict", "model", "model_state_dict", "module", "params", "weights"]
      if let index = usual.lazy.compactMap(choice).first { return try checkpoint(at: index) }
      let top = try topLevel()
      if holdsTensors(top) { return try checkpoint(at: top) }
      guard nested.count == 1 else { throw Malformed("no dictionary of tensors at the top\(list(nested))") }
      return try checkpoint(at: nested[0].index)
    }
  }

  private func list(_ nested: [(name: TensorName, index: Int)]) -> String {
    nested.isEmpty ? "" : "; there are " + nested.prefix(6).map(\.name.description).joined(separator: ", ")
  }

  private func topLevel() throws -> Int {
    guard case .dictionary(let index) = pickle.result else {
      throw Malformed("the pickle holds no dictionary of tensors")
    }
    return index
  }

  private func holdsTensors(_ index: Int) -> Bool {
    pickle.dictionaries[index].contains { if case .tensor = $0.value { true } else { false } }
  }

  private func tensorDictionaries() throws -> [(name: TensorName, index: Int)] {
    pickle.dictionaries[try topLevel()].compactMap { key, value in
      guard let name = key.string, case .dictionary(let index) = value, holdsTensors(index) else { return nil }
      return (name, index)
    }
  }

  private func checkpoint(at index: Int) throws -> Checkpoint {
    let records = pickle.dictionaries[index].compactMap { key, value -> TensorRecord? in
      guard let name = key.string, case .tensor(let place) = value else { return nil }
      let tensor = pickle.tensors[place]
      let type = pickle.storages[tensor.storage].type
      // Within the file: the extent lies in the storage and the storage in the file.
      let start = starts[tensor.storage] + tensor.offset * type.size
      return TensorRecord(
        name: name, type: type, shape: tensor.shape, strides: tensor.strides, file: file,
        byteRange: start..<start + tensor.extent * type.size)
    }
    return try Checkpoint(
      location: file.path, records: records.sorted { $0.byteRange.lowerBound < $1.byteRange.lowerBound })
  }
}
