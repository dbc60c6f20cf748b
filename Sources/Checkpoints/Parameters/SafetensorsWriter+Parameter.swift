import DiTTensors

extension SafetensorsWriter {
  /// Adds a parameter of random numbers: those of ``RandomParameters``.
  /// - Parameter name: in the file; nil: its own.
  /// - Throws: as ``add(_:type:shape:source:)``.
  package mutating func add(_ parameter: Parameter, seed: UInt64, as type: ElementType, name: String? = nil) throws {
    try add(TensorName(name ?? parameter.name), type: type, shape: parameter.shape) {
      try RandomParameters.stream(parameter, seed: seed, as: type, to: $0)
    }
  }
}
