import DiTTensors

/// The few Python objects a checkpoint is made of: ordered dictionaries, storages, tensors, and inert namespaces.
extension PickleReader {
  func global(module: TensorName, name: TensorName) throws -> PickleValue {
    guard let global = PickleGlobal(module: module.string, name: name.string) else {
      throw Refused(object: "\(module.string).\(name.string)")
    }
    return .global(global)
  }

  mutating func stackGlobal() throws {
    let names = try pop(2)
    guard let module = names[0].string, let name = names[1].string else {
      throw Malformed("the pickle names an object with a non-string")
    }
    guard max(module.bytes.count, name.bytes.count) <= PickleLimits.name else { throw Self.longName }
    try push(global(module: module, name: name))
  }

  /// A persistent id: `("storage", class, key, device, count)`, with a view behind it in the legacy format.
  mutating func persistent(_ id: PickleValue) throws -> PickleValue {
    guard case .tuple(let index) = id, (5...6).contains(sequences[index].count) else {
      throw Malformed("the pickle has a persistent id that is not of a storage")
    }
    let parts = sequences[index]
    guard parts[0].string == "storage", case .global(.storage(let type)) = parts[1], let key = parts[2].string,
      parts[3].string != nil, let count = parts[4].integer
    else { throw Malformed("the pickle has a persistent id that is not of a storage") }
    guard parts.count == 5 || parts[5] == .none else {
      throw Malformed("storage \(key) is a view of another: not supported")
    }
    guard key.bytes.count <= PickleLimits.name else { throw Self.longName }
    guard checkedByteCount(shape: [count], type: type) != nil else {
      throw Malformed("storage \(key) has \(count) elements")
    }
    let storage = PickledStorage(key: key, type: type, count: count)
    if let known = storagePlaces[key] {
      guard storages[known] == storage else { throw Malformed("storage \(key) is described in two ways") }
      return .storage(known)
    }
    storagePlaces[key] = storages.count
    storages.append(storage)
    return .storage(storages.count - 1)
  }

  /// Calls one of the known functions.
  mutating func reduce() throws {
    let call = try pop(2)
    guard case .global(let function) = call[0], case .tuple(let index) = call[1] else {
      throw Malformed("the pickle calls a non-function")
    }
    let arguments = sequences[index]
    switch function {
    case .orderedDictionary: try push(orderedDictionary(arguments))
    case .namespace: try push(.inert)
    case .rebuildParameter:
      guard case .tensor? = arguments.first else {
        throw Malformed("the pickle makes a parameter of what is no tensor")
      }
      try push(arguments[0])
    case .rebuildTensor:
      do {
        tensors.append(try tensor(arguments))
      } catch let problem as Malformed {
        // Below the call lies the key it will be stored under (or, for a parameter, one function further down).
        throw Malformed(problem.reason, tensor: stack.suffix(2).compactMap(\.string).last)
      }
      try push(.tensor(tensors.count - 1))
    case .storage(let type): throw Malformed("the pickle calls the constructor of a storage of \(type.rawValue)")
    }
  }

  /// Python 2 passes the items as a list of pairs; later versions set them afterwards.
  private mutating func orderedDictionary(_ arguments: [PickleValue]) throws -> PickleValue {
    guard let first = arguments.first else { return try newDictionary([]) }
    guard arguments.count == 1, case .list(let index) = first else {
      throw Malformed("the pickle makes an ordered dictionary of what is no list")
    }
    // One list may be passed again and again.
    try spend(sequences[index].count)
    let items = try sequences[index].flatMap { pair -> [PickleValue] in
      switch pair {
      case .list(let index), .tuple(let index):
        guard sequences[index].count == 2 else { fallthrough }
        return sequences[index]
      default: throw Malformed("the pickle makes an ordered dictionary of what are no pairs")
      }
    }
    return try newDictionary(items)
  }

  mutating func newObject() throws {
    let call = try pop(2)
    guard case .tuple = call[1] else { throw Malformed("the pickle makes an object without arguments") }
    switch call[0] {
    case .global(.namespace): try push(.inert)
    case .global(.orderedDictionary): try push(newDictionary([]))
    default: throw Malformed("the pickle makes an object of what is no class")
    }
  }

  /// Attributes are dropped: the `_metadata` of a state dictionary, the fields of a namespace.
  mutating func build() throws {
    _ = try pop()
    switch try top() {
    case .dictionary, .inert: return
    default: throw Malformed("the pickle sets attributes of what has none")
    }
  }

  // MARK: tensors

  /// `(storage, offset, size, stride, …)`, every number checked against the storage.
  private func tensor(_ arguments: [PickleValue]) throws -> PickledTensor {
    guard arguments.count >= 4, case .storage(let index) = arguments[0], let offset = arguments[1].integer,
      let shape = integers(arguments[2]), let strides = integers(arguments[3])
    else { throw Malformed("the pickle makes a tensor of what is no storage, offset, size and stride") }
    let storage = storages[index]
    guard shape.count <= PickleLimits.rank else {
      throw Malformed("\(shape.count) dimensions, or more, over the limit of \(PickleLimits.rank)")
    }
    guard shape.count == strides.count else {
      throw Malformed("\(shape.count) dimensions, but \(strides.count) strides")
    }
    guard offset >= 0, strides.allSatisfy({ $0 >= 0 }) else {
      throw Malformed("negative offset \(offset) or strides \(strides)")
    }
    guard checkedByteCount(shape: shape, type: storage.type) != nil else { throw Malformed("impossible size \(shape)") }
    guard let extent = extent(shape, strides), case (let end, let overflow) = offset.addingReportingOverflow(extent),
      !overflow, end <= storage.count
    else {
      throw Malformed("\(shape) with strides \(strides) at \(offset) reaches past its storage of \(storage.count)")
    }
    return PickledTensor(
      storage: index, offset: offset, shape: shape, strides: isDense(shape, strides) ? nil : strides, extent: extent)
  }

  /// Of the few dimensions that a tensor has; a longer tuple is cut, to be refused by its length.
  private func integers(_ value: PickleValue) -> [Int]? {
    guard case .tuple(let index) = value else { return nil }
    let sequence = sequences[index].prefix(PickleLimits.rank + 1)
    let integers = sequence.compactMap(\.integer)
    return integers.count == sequence.count ? integers : nil
  }

  /// Elements from the first to the last, or nil where that overflows.
  private func extent(_ shape: [Int], _ strides: [Int]) -> Int? {
    guard !shape.contains(0) else { return 0 }
    var extent = 1
    for (dimension, stride) in zip(shape, strides) {
      let (reach, tooFar) = (dimension - 1).multipliedReportingOverflow(by: stride)
      let (sum, overflow) = extent.addingReportingOverflow(reach)
      guard !tooFar, !overflow else { return nil }
      extent = sum
    }
    return extent
  }

  /// Whether the strides are those of row-major order; a dimension of 1 may have any. The shape does not overflow.
  private func isDense(_ shape: [Int], _ strides: [Int]) -> Bool {
    guard !shape.contains(0) else { return true }
    var expected = 1
    for (dimension, stride) in zip(shape, strides).reversed() {
      if dimension != 1, stride != expected { return false }
      expected *= dimension
    }
    return true
  }
}
