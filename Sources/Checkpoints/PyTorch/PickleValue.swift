import Tensors

/// What a pickle can make. Containers are indices into the reader's heap, so that values stay flat: neither a cycle nor a
/// nesting as deep as the file is long costs any stack.
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

/// The Python objects a checkpoint may name. Nothing else exists here, so nothing else can be called.
enum PickleGlobal: Equatable {
  case orderedDictionary
  case namespace
  case rebuildTensor
  case rebuildParameter
  case storage(ElementType)

  /// nil: refuse it.
  init?(module: String, name: String) {
    switch (module, name) {
    case ("collections", "OrderedDict"): self = .orderedDictionary
    case ("argparse", "Namespace"): self = .namespace
    case ("torch._utils", "_rebuild_tensor"), ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
    case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
    case ("torch", _):
      guard let type = Self.storageTypes[name] else { return nil }
      self = .storage(type)
    default: return nil
    }
  }

  private static let storageTypes: [String: ElementType] = [
    "DoubleStorage": .f64, "FloatStorage": .f32, "HalfStorage": .f16, "BFloat16Storage": .bf16, "LongStorage": .i64,
    "IntStorage": .i32, "ShortStorage": .i16, "CharStorage": .i8, "ByteStorage": .u8, "BoolStorage": .bool,
  ]
}

/// Numbers that tensors are views of, by the key their bytes are found under.
struct PickledStorage: Equatable {
  let key: TensorName
  let type: ElementType
  /// In elements.
  let count: Int
}

/// A view of a storage; its extent has been checked against the storage's count.
struct PickledTensor: Equatable {
  let storage: Int
  /// In elements, as the strides.
  let offset: Int
  let shape: [Int]
  /// nil where dense and row-major.
  let strides: [Int]?
  /// Elements of the storage from the first to the last it touches.
  let extent: Int
}
