import DiTTensors

/// The format of `torch.save` before 1.6: five pickles (magic number, version, system, the object, the keys of the
/// storages) and then each storage as a count of 8 bytes and its numbers.
enum LegacyTorch {
  /// 0x1950a86a20f9469cfc6c, little-endian.
  private static let magic: [UInt8] = [0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]
  private static let version = 1001

  /// The object's pickle, and where each of its storages starts.
  static func read(_ bytes: UnsafeRawBufferPointer) throws -> (PickleReader, [Int]) {
    let first = try PickleReader(bytes)
    guard first.result == .wideInteger(magic) else {
      throw Malformed("a pickle, but not of PyTorch: its magic number is missing")
    }
    let second = try PickleReader(bytes, at: first.end)
    guard second.result == .integer(version) else {
      throw Malformed("PyTorch's legacy format, but not version \(version)")
    }
    let system = try PickleReader(bytes, at: second.end)
    try checkSystem(system)
    let object = try PickleReader(bytes, at: system.end)
    let keys = try PickleReader(bytes, at: object.end)
    return (object, try locate(object.storages, keys: keyList(keys), in: bytes, from: keys.end))
  }

  private static func checkSystem(_ system: PickleReader) throws {
    guard case .dictionary(let index) = system.result else {
      throw Malformed("the description of the system is missing")
    }
    let order = system.dictionaries[index].last { $0.key == .string("little_endian") }
    guard order == nil || order?.value == .bool(true) else { throw Malformed("the numbers are not little-endian") }
  }

  private static func keyList(_ keys: PickleReader) throws -> [TensorName] {
    guard case .list(let index) = keys.result else { throw Malformed("the list of storages is missing") }
    let names = keys.sequences[index].compactMap(\.string)
    guard names.count == keys.sequences[index].count, Set(names).count == names.count else {
      throw Malformed("the list of storages holds other things, or one of them twice")
    }
    return names
  }

  private static func locate(
    _ storages: [PickledStorage], keys: [TensorName], in bytes: UnsafeRawBufferPointer, from position: Int
  ) throws -> [Int] {
    var places: [TensorName: Int] = [:]
    for (index, storage) in storages.enumerated() { places[storage.key] = index }
    guard Set(keys) == Set(places.keys) else { throw Malformed("the list of storages is not that of the tensors") }
    var starts = [Int](repeating: 0, count: storages.count)
    var reader = ByteReader(bytes, at: position, what: "the data of the storages")
    for key in keys {
      guard let index = places[key] else { continue }
      let storage = storages[index]
      guard try reader.size() == storage.count, let size = checkedByteCount(shape: [storage.count], type: storage.type)
      else {
        throw Malformed("storage \(key) is not of the size that its tensors were given")
      }
      starts[index] = reader.position
      _ = try reader.take(size)
    }
    return starts
  }
}
