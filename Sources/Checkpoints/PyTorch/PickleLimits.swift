/// Bounds that no honest checkpoint comes near (a training checkpoint of DiT-XL/2 takes about 100,000 opcodes), and
/// that keep a dishonest one from costing more than a moment.
enum PickleLimits {
  static let byteCount = 256 << 20
  static let opcodes = 10_000_000
  static let stack = 1_000_000
  /// Marks open at once: how deep containers nest as they are written.
  static let marks = 1_000
  static let memo = 2_000_000
  static let rank = 8
  /// Bytes of a storage's key and of a Python object's name.
  static let name = 1_000

  /// Bytes all tensors may take together once overlapping and strided views are copied out.
  static func expanded(fileSize: Int) -> Int {
    let (product, overflow) = fileSize.multipliedReportingOverflow(by: 16)
    return overflow ? .max : max(product, 64 << 20)
  }
}
