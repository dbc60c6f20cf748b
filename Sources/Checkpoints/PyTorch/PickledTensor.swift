import DiTTensors

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
