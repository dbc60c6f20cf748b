/// What a pickle can make. Containers are indices into the reader's heap, so that values stay flat: neither a cycle nor
/// a nesting as deep as the file is long costs any stack.
enum PickleValue: Equatable {
  case none
  case bool(Bool)
  case integer(Int)
  /// Beyond 64 bits: little-endian two's complement.
  case wideInteger([UInt8])
  case real(Double)
  /// UTF-8.
  case string(TensorName)
  case bytes
  case tuple(Int)
  /// A list or set.
  case list(Int)
  case dictionary(Int)
  case global(PickleGlobal)
  /// An index into the storages or tensors of the reader.
  case storage(Int)
  case tensor(Int)
  /// An instance of an allowed class that holds no weights.
  case inert

  var integer: Int? { if case .integer(let value) = self { value } else { nil } }
  var string: TensorName? { if case .string(let value) = self { value } else { nil } }
}
