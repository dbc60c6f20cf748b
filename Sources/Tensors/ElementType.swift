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

  /// How the kernels name it, for the types weights are stored in.
  package var stored: dk_stored? {
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
