/// Writes pickles opcode by opcode, also ones that no pickler would write.
struct PickleBuilder {
  var bytes: [UInt8] = [0x80, 2]

  static func dictionary(_ fill: (inout PickleBuilder) -> Void) -> [UInt8] {
    var pickle = PickleBuilder()
    pickle.op("}(")
    fill(&pickle)
    pickle.op("u.")
    return pickle.bytes
  }

  /// A state dictionary of one float tensor.
  static func model(
    type: String = "FloatStorage", key: String = "0", count: Int = 6, offset: Int = 0, size: [Int] = [2, 3],
    stride: [Int] = [3, 1]
  ) -> [UInt8] {
    dictionary { $0.tensor("weight", type: type, key: key, count: count, offset: offset, size: size, stride: stride) }
  }

  mutating func op(_ codes: String) { bytes += codes.unicodeScalars.map { UInt8($0.value) } }

  mutating func string(_ text: String) {
    op("X")
    bytes += littleEndian(UInt32(text.utf8.count)) + Array(text.utf8)
  }

  mutating func integer(_ value: Int) {
    op("\u{8A}\u{8}")
    bytes += littleEndian(UInt64(bitPattern: Int64(value)))
  }

  mutating func integers(_ values: [Int]) {
    op("(")
    for value in values { integer(value) }
    op("t")
  }

  mutating func global(_ module: String, _ name: String) { op("c\(module)\n\(name)\n") }

  mutating func storage(type: String, key: String, count: Int) {
    op("(")
    string("storage")
    global("torch", type)
    string(key)
    string("cpu")
    integer(count)
    op("tQ")
  }

  mutating func tensor(
    _ name: String, type: String = "FloatStorage", key: String = "0", count: Int = 6, offset: Int = 0,
    size: [Int] = [2, 3], stride: [Int] = [3, 1]
  ) {
    string(name)
    global("torch._utils", "_rebuild_tensor_v2")
    op("(")
    storage(type: type, key: key, count: count)
    integer(offset)
    integers(size)
    integers(stride)
    op("\u{89}")
    global("collections", "OrderedDict")
    op(")RtR")
  }
}

func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}
