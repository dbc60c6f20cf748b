import DiTTensors

/// Where the parameters of a network come from: a checkpoint, a random generator, or nowhere, for a list of them.
package protocol ParameterSource: AnyObject {
  /// Whether an optional part of a network is there.
  func contains(_ name: String) -> Bool
  /// A parameter as matrices stacked along their rows: one, or several where a checkpoint keeps q, k and v apart.
  func matrices(_ parameter: Parameter) throws -> [StoredMatrix]
  /// A small parameter as float32 numbers.
  func tensor(_ parameter: Parameter) throws -> Tensor
}

/// Reads parameters from wherever a checkpoint keeps them. Errors name the file, the tensor and what was expected.
package final class CheckpointParameters: ParameterSource {
  private let checkpoint: Checkpoint
  private let names: ParameterNames

  package init(_ checkpoint: Checkpoint, names: ParameterNames = .official) {
    self.checkpoint = checkpoint
    self.names = names
  }

  package func contains(_ name: String) -> Bool { names.stored(name).allSatisfy(checkpoint.contains) }

  package func matrices(_ parameter: Parameter) throws -> [StoredMatrix] {
    let stored = names.stored(parameter.name)
    return try stored.map {
      try checkpoint.matrix($0, rows: parameter.rows / stored.count, columns: parameter.columns)
    }
  }

  package func tensor(_ parameter: Parameter) throws -> Tensor {
    let stored = names.stored(parameter.name)
    guard stored.count > 1 else { return try checkpoint.tensor(stored[0], shape: parameter.shape) }
    let part = [parameter.rows / stored.count] + parameter.shape.dropFirst()
    return try .concatenated(stored.map { try checkpoint.tensor($0, shape: part) })
  }
}

/// A seed for a parameter of its own: FNV-1a of its name.
package func seedOfName(_ name: String, _ seed: UInt64) -> UInt64 {
  name.utf8.reduce(0xcbf2_9ce4_8422_2325 ^ seed) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
}

/// Makes parameters up. A number depends on the seed, the parameter's name and its place alone.
package final class RandomParameters: ParameterSource {
  private let seed: UInt64
  private let type: ElementType

  /// - Parameter type: what the numbers are rounded to, as if they had been in a file: `.f32`, `.f16` or `.bf16`.
  package init(seed: UInt64, type: ElementType = .bf16) {
    self.seed = seed
    self.type = type
  }

  /// Optional parts are left out.
  package func contains(_ name: String) -> Bool { false }

  package func matrices(_ parameter: Parameter) throws -> [StoredMatrix] {
    let storage = try Storage(byteCount: parameter.count * type.size, zeroed: false)
    var at = storage.pointer
    try RandomParameters.stream(parameter, seed: seed, as: type) { piece in
      if let start = piece.baseAddress { at.copyMemory(from: start, byteCount: piece.count) }
      at += piece.count
    }
    return [
      StoredMatrix(
        rows: parameter.rows, columns: parameter.columns, type: type, bytes: storage.pointer, owner: storage)
    ]
  }

  package func tensor(_ parameter: Parameter) throws -> Tensor {
    let result = try Tensor(unfilled: parameter.shape, type: .f32)
    let matrix = try matrices(parameter)[0]
    result.withFloats { if let start = $0.baseAddress { matrix.readAll(into: start) } }
    return result
  }

  /// The numbers of a parameter in pieces, so that none is too large to write.
  package static func stream(
    _ parameter: Parameter, seed: UInt64, as type: ElementType, to sink: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    guard type.holdsWeights, type != .i8 else { return }
    // SplitMix64 (Steele et al. 2014) over the places.
    var state = seedOfName(parameter.name, seed)
    // Of a uniform distribution with this deviation.
    let reach = parameter.start.deviation(inputs: parameter.columns) * Float(3).squareRoot()
    var numbers = [Float](repeating: 0, count: min(1 << 16, max(1, parameter.count)))
    var bytes = [UInt8](repeating: 0, count: numbers.count * type.size)
    for start in stride(from: 0, to: parameter.count, by: numbers.count) {
      let length = min(numbers.count, parameter.count - start)
      for index in 0..<length {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        let uniform = Float((z ^ (z >> 31)) >> 40) * 0x1p-23 - 1  // [−1, 1)
        numbers[index] = parameter.start.mean(start + index, of: parameter.count) + reach * uniform
      }
      bytes.withUnsafeMutableBytes { type.encode(numbers[..<length], into: $0) }
      try bytes.withUnsafeBytes { try sink(UnsafeRawBufferPointer(rebasing: $0[..<(length * type.size)])) }
    }
  }
}

/// Gives a network that is only listed what it asks for, without numbers: an address that nobody reads for a matrix, zeros
/// for what is small and may be looked at.
final class NoParameters: ParameterSource {
  private let having: (String) -> Bool

  init(_ having: @escaping (String) -> Bool) { self.having = having }

  func contains(_ name: String) -> Bool { having(name) }

  func matrices(_ parameter: Parameter) throws -> [StoredMatrix] {
    let nothing = try Storage(byteCount: 0)
    return [
      StoredMatrix(
        rows: parameter.rows, columns: parameter.columns, type: .f32, bytes: nothing.pointer, owner: nothing)
    ]
  }

  func tensor(_ parameter: Parameter) throws -> Tensor { try Tensor(parameter.shape) }
}
