import DiTCKernels

/// The type of the numbers of a tensor in memory, or of a tensor stored in a file.
package enum ElementType: String, Sendable, CaseIterable {
  case bool = "BOOL", u8 = "U8", i8 = "I8", f8e5m2 = "F8_E5M2", f8e4m3 = "F8_E4M3"
  case i16 = "I16", u16 = "U16", f16 = "F16", bf16 = "BF16"
  case i32 = "I32", u32 = "U32", f32 = "F32"
  case i64 = "I64", u64 = "U64", f64 = "F64"

  /// Bytes of one element.
  package var size: Int {
    switch self {
    case .bool, .u8, .i8, .f8e5m2, .f8e4m3: 1
    case .i16, .u16, .f16, .bf16: 2
    case .i32, .u32, .f32: 4
    case .i64, .u64, .f64: 8
    }
  }

  /// Whether weights are stored in it: numbers with a fraction, or I8 with scales.
  package var holdsWeights: Bool { stored != nil }

  /// Writes float32 numbers in this type, rounded to the nearest, ties to even. Not for I8, nor for types that hold no
  /// weights.
  package func encode(_ numbers: ArraySlice<Float>, into target: UnsafeMutableRawBufferPointer) {
    precondition(holdsWeights && self != .i8 && target.count >= numbers.count * size, "no room, or no number with a fraction")
    guard let stored, let base = target.baseAddress else { return }
    numbers.withUnsafeBufferPointer { if let start = $0.baseAddress { dk_from_f32(stored, start, $0.count, base) } }
  }

  /// How the kernels name it, for the types weights are stored in.
  var stored: dk_stored? {
    switch self {
    case .f32: DK_STORED_F32
    case .f16: DK_STORED_F16
    case .bf16: DK_STORED_BF16
    case .f64: DK_STORED_F64
    case .i8: DK_STORED_I8
    default: nil
    }
  }
}

/// A row as int8: value = int8 · scale with scale = max|x| / 127 (1 where all are zero), rounded half to even.
/// - Returns: the scale.
package func quantiseRow(_ row: UnsafeBufferPointer<Float>, into target: UnsafeMutablePointer<Int8>) -> Float {
  row.baseAddress.map { dk_f32_to_i8($0, row.count, target) } ?? 1
}
