import Foundation
import DiTTensors

/// Reading tensors as the numbers a model computes with. Every error names the file, the tensor and what was expected.
extension Checkpoint {
  // MARK: float32

  /// A tensor as float32, copied. Stored as F32, F16, BF16, F64, or I8 with a scale a row in `NAME.scale`.
  /// - Parameter shape: the shape it must have; nil takes any.
  /// - Throws: ``LoadError``: missing, of another shape, or of a type that is no number with a fraction.
  package func tensor(_ name: String, shape: [Int]? = nil) throws -> Tensor {
    let record = try required(name, shape: shape)
    let matrix = try matrix(record, rows: record.shape.first ?? 1, columns: record.shape.dropFirst().reduce(1, *))
    let result = try Tensor(record.shape)
    result.withFloats { target in
      guard let base = target.baseAddress, !target.isEmpty else { return }
      matrix.readAll(into: base)
    }
    return result
  }

  /// As ``tensor(_:shape:)``, but nil where the checkpoint has no such tensor.
  package func optionalTensor(_ name: String, shape: [Int]? = nil) throws -> Tensor? {
    try has(name) ? tensor(name, shape: shape) : nil
  }

  // MARK: matrices

  /// A tensor as a matrix where it lies in the file, not copied (unless a pickle stores it strided).
  ///
  /// The first dimension must be `rows` and the product of the others `columns`: a convolution's [o, i, 3, 3] is a
  /// matrix of o rows and i·9 columns.
  /// - Throws: ``LoadError``: missing, of another shape, or of a type that is no number with a fraction.
  package func matrix(_ name: String, rows: Int, columns: Int) throws -> StoredMatrix {
    try matrix(required(name), rows: rows, columns: columns)
  }

  /// As ``matrix(_:rows:columns:)``, but nil where the checkpoint has no such tensor.
  package func optionalMatrix(_ name: String, rows: Int, columns: Int) throws -> StoredMatrix? {
    try has(name) ? matrix(name, rows: rows, columns: columns) : nil
  }

  private func matrix(_ record: TensorRecord, rows: Int, columns: Int) throws -> StoredMatrix {
    guard (record.shape.first ?? 1) == rows, record.shape.dropFirst().reduce(1, *) == columns else {
      throw wrongShape(record, expected: "[\(rows), \(columns)]")
    }
    guard record.type.holdsWeights else {
      throw wrongType(record, expected: "a floating-point type or I8 with a scale")
    }
    let (bytes, owner) = try record.contiguous()
    let scales = try record.type == .i8 ? scales(record, rows: rows) : nil
    let matrix = StoredMatrix(rows: rows, columns: columns, type: record.type, bytes: bytes, scales: scales, owner: owner)
    return try record.merge?.merged(matrix) ?? matrix
  }

  /// The scales of an int8 tensor: F32, one a row, finite.
  private func scales(_ record: TensorRecord, rows: Int) throws -> [Float] {
    let name = record.name + TensorName(Self.scaleSuffix)
    guard let scale = self.record(name) else {
      throw LoadError.missing(file: record.file.path, tensor: prefix + name, note: ", the scales of an int8 tensor")
    }
    log.insert(scale.storedName)
    guard scale.type == .f32 else { throw wrongType(scale, expected: "F32") }
    guard scale.shape == [rows] else { throw wrongShape(scale, expected: "[\(rows)]") }
    let (bytes, owner) = try scale.contiguous()
    let values = withExtendedLifetime(owner) {
      (0..<rows).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
    }
    guard let bad = values.firstIndex(where: { !$0.isFinite }) else { return values }
    throw LoadError.malformed(
      file: scale.file.path, tensor: prefix + name, reason: "scale \(bad) is \(values[bad]), not a finite number")
  }

  /// An int8 tensor `NAME` has its scales in `NAME.scale`.
  static let scaleSuffix = ".scale"

  // MARK: exact numbers

  /// The numbers of an integer or boolean tensor, row-major.
  /// - Throws: ``LoadError``: missing, of another shape, of a type that is no integer, or beyond `Int.max`.
  package func integers(_ name: String, shape: [Int]? = nil) throws -> [Int] {
    let record = try required(name, shape: shape)
    let (bytes, owner) = try record.contiguous()
    func read<Stored: FixedWidthInteger>(_: Stored.Type) throws -> [Int] {
      try (0..<record.count).map { index in
        let stored = Stored(
          littleEndian: bytes.loadUnaligned(fromByteOffset: index * record.type.size, as: Stored.self))
        guard let value = Int(exactly: stored) else {
          throw LoadError.malformed(
            file: record.file.path, tensor: prefix + record.name, reason: "\(stored) is too large")
        }
        return value
      }
    }
    return try withExtendedLifetime(owner) {
      switch record.type {
      case .bool, .u8: try read(UInt8.self)
      case .i8: try read(Int8.self)
      case .i16: try read(Int16.self)
      case .u16: try read(UInt16.self)
      case .i32: try read(Int32.self)
      case .u32: try read(UInt32.self)
      case .i64: try read(Int64.self)
      case .u64: try read(UInt64.self)
      case .f16, .bf16, .f32, .f64, .f8e4m3, .f8e5m2: throw wrongType(record, expected: "an integer type")
      }
    }
  }

  /// The numbers of an F64 tensor in full precision, or of any tensor that ``tensor(_:shape:)`` reads, row-major.
  package func doubles(_ name: String, shape: [Int]? = nil) throws -> [Double] {
    let record = try required(name, shape: shape)
    guard record.type == .f64 else { return try tensor(name, shape: shape).array.map(Double.init) }
    let (bytes, owner) = try record.contiguous()
    return withExtendedLifetime(owner) {
      (0..<record.count).map { bytes.loadUnaligned(fromByteOffset: $0 * 8, as: Double.self) }
    }
  }

  // MARK: steps

  /// Whether a tensor is there. Scales without their tensor count: reading them then says what is missing.
  private func has(_ name: String) -> Bool {
    contains(name) || isOrphanedScale(name + Self.scaleSuffix)
  }

  /// Whether `name` is there, and named like the scales of a tensor that is not.
  func isOrphanedScale(_ name: String) -> Bool {
    guard name.hasSuffix(Self.scaleSuffix), let record = self[name] else { return false }
    return record.type == .f32 && record.shape.count == 1 && !contains(String(name.dropLast(Self.scaleSuffix.count)))
  }

  private func required(_ name: String, shape: [Int]? = nil) throws -> TensorRecord {
    guard let record = self[name] else {
      let note = isOrphanedScale(name + Self.scaleSuffix) ? ", only its scales" : ""
      throw LoadError.missing(file: location, tensor: prefix + TensorName(name), note: note)
    }
    log.insert(record.storedName)
    guard shape == nil || record.shape == shape else { throw wrongShape(record, expected: "\(shape ?? [])") }
    return record
  }

  private func wrongShape(_ record: TensorRecord, expected: String) -> LoadError {
    .wrongShape(file: record.file.path, tensor: prefix + record.name, expected: expected, found: brief(record.shape))
  }

  private func wrongType(_ record: TensorRecord, expected: String) -> LoadError {
    .wrongType(file: record.file.path, tensor: prefix + record.name, expected: expected, found: record.type.rawValue)
  }
}
