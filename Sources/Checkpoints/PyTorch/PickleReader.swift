import DiTTensors

/// Reads pickles of protocol 2 to 5 without executing anything.
///
/// A pickle is a program for a stack machine, and Python's machine calls what the program names. This one knows the
/// opcodes that data needs and the few names of ``PickleGlobal``; any other name, opcode, or count beyond
/// ``PickleLimits`` ends the reading. (Opcodes: CPython's Lib/pickletools.py; the names: torch/_utils.py and
/// torch/serialization.py.)
struct PickleReader {
  var input: ByteReader
  private(set) var stack: [PickleValue] = []
  /// Where in the stack each open mark stands.
  private var marks: [Int] = []
  private var memo: [Int: PickleValue] = [:]
  private var opcodes = 0

  // The heap.
  private(set) var sequences: [[PickleValue]] = []
  private(set) var dictionaries: [[(key: PickleValue, value: PickleValue)]] = []
  var storages: [PickledStorage] = []
  var storagePlaces: [TensorName: Int] = [:]
  var tensors: [PickledTensor] = []

  /// What the pickle made.
  private(set) var result = PickleValue.none

  /// Reads one pickle, from PROTO to STOP.
  /// - Throws: ``Malformed``, ``Refused``
  init(_ bytes: UnsafeRawBufferPointer, at position: Int = 0) throws {
    let limit = min(bytes.count, max(0, position) + PickleLimits.byteCount)
    input = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[..<limit]), at: position, what: "the pickle")
    guard try input.integer(UInt8.self) == 0x80, (2...5).contains(try input.integer(UInt8.self)) else {
      throw Malformed("the pickle is not of protocol 2 to 5")
    }
    while try step() {}
  }

  /// Where the next pickle or other data follows.
  var end: Int { input.position }

  // MARK: opcodes

  /// Executes one opcode; false after STOP.
  private mutating func step() throws -> Bool {
    try spend(1)
    let code = try input.integer(UInt8.self)
    switch Character(Unicode.Scalar(code)) {
    case ".":
      result = try pop()
      guard stack.isEmpty, marks.isEmpty else { throw Malformed("the pickle stops with values left over") }
      return false

    // Constants
    case "N": try push(.none)
    case "\u{88}": try push(.bool(true))
    case "\u{89}": try push(.bool(false))
    case "K": try push(.integer(Int(try input.integer(UInt8.self))))
    case "M": try push(.integer(Int(try input.integer(UInt16.self))))
    case "J": try push(.integer(Int(try input.integer(Int32.self))))
    case "\u{8A}": try push(wide(Int(try input.integer(UInt8.self))))
    case "\u{8B}": try push(wide(Int(try input.integer(Int32.self))))
    case "G": try push(.real(Double(bitPattern: try input.integer(UInt64.self).byteSwapped)))
    case "\u{8C}", "U": try push(string(Int(try input.integer(UInt8.self))))
    case "X": try push(string(Int(try input.integer(UInt32.self))))
    case "T": try push(string(Int(try input.integer(Int32.self))))
    case "\u{8D}": try push(string(input.size()))
    case "C": try push(bytes(Int(try input.integer(UInt8.self))))
    case "B": try push(bytes(Int(try input.integer(UInt32.self))))
    case "\u{8E}", "\u{96}": try push(bytes(input.size()))

    // Stack and memo
    case "(":
      guard marks.count < PickleLimits.marks else {
        throw Malformed("the pickle nests deeper than \(PickleLimits.marks)")
      }
      marks.append(stack.count)
    case "0": try drop()
    case "1": _ = try popMark()
    case "2": try push(top())
    case "q": try store(Int(try input.integer(UInt8.self)))
    case "r": try store(Int(try input.integer(UInt32.self)))
    case "\u{94}": try store(memo.count)
    case "h": try push(recall(Int(try input.integer(UInt8.self))))
    case "j": try push(recall(Int(try input.integer(UInt32.self))))
    case "\u{95}": _ = try input.size()  // FRAME: a hint for buffered readers

    // Containers
    case ")": try push(newTuple([]))
    case "\u{85}": try push(newTuple(pop(1)))
    case "\u{86}": try push(newTuple(pop(2)))
    case "\u{87}": try push(newTuple(pop(3)))
    case "t": try push(newTuple(popMark()))
    case "]", "\u{8F}": try push(newList([]))
    case "l", "\u{91}": try push(newList(popMark()))
    case "}": try push(newDictionary([]))
    case "d": try push(newDictionary(popMark()))
    case "a": try append(pop(1))
    case "e", "\u{90}": try append(popMark())
    case "s": try setItems(pop(2))
    case "u": try setItems(popMark())

    // Objects
    case "c": try push(global(module: line(), name: line()))
    case "\u{93}": try stackGlobal()
    case "Q": try push(persistent(pop()))
    case "R": try reduce()
    case "\u{81}": try newObject()
    case "b": try build()

    default: throw Malformed("the pickle has the opcode 0x\(String(code, radix: 16)), which no checkpoint needs")
    }
    return true
  }

  /// Counts what costs as much as so many opcodes.
  mutating func spend(_ count: Int) throws {
    opcodes += count
    guard opcodes <= PickleLimits.opcodes else {
      throw Malformed("the pickle has over \(PickleLimits.opcodes) opcodes")
    }
  }

  // MARK: stack and memo

  /// What an opcode may take: values above the last mark.
  private var available: Int { stack.count - (marks.last ?? 0) }

  mutating func push(_ value: PickleValue) throws {
    guard stack.count < PickleLimits.stack else { throw Malformed("the pickle's stack is over its limit") }
    stack.append(value)
  }

  func top() throws -> PickleValue {
    guard available > 0, let value = stack.last else { throw Malformed("the pickle takes a value from an empty stack") }
    return value
  }

  mutating func pop() throws -> PickleValue {
    let value = try top()
    stack.removeLast()
    return value
  }

  mutating func pop(_ count: Int) throws -> [PickleValue] {
    guard available >= count else { throw Malformed("the pickle takes a value from an empty stack") }
    defer { stack.removeLast(count) }
    return Array(stack.suffix(count))
  }

  private mutating func popMark() throws -> [PickleValue] {
    guard let mark = marks.popLast() else { throw Malformed("the pickle closes a group that it never opened") }
    defer { stack.removeSubrange(mark...) }
    return Array(stack[mark...])
  }

  /// POP takes a mark if that is what lies on top.
  private mutating func drop() throws {
    if let mark = marks.last, mark == stack.count { marks.removeLast() } else { _ = try pop() }
  }

  private mutating func store(_ index: Int) throws {
    guard memo.count < PickleLimits.memo else { throw Malformed("the pickle's memo is over its limit") }
    memo[index] = try top()
  }

  private func recall(_ index: Int) throws -> PickleValue {
    guard let value = memo[index] else { throw Malformed("the pickle recalls memo \(index), which was never stored") }
    return value
  }

  // MARK: constants

  private mutating func string(_ count: Int) throws -> PickleValue {
    let bytes = try input.take(count)
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw Malformed("the pickle has a string that is not UTF-8")
    }
    return .string(TensorName(bytes: bytes))
  }

  private mutating func bytes(_ count: Int) throws -> PickleValue {
    _ = try input.take(count)
    return .bytes
  }

  /// Little-endian two's complement of any length.
  private mutating func wide(_ count: Int) throws -> PickleValue {
    let bytes = Array(try input.take(count))
    guard count <= 8 else { return .wideInteger(bytes) }
    let negative = (bytes.last ?? 0) & 0x80 != 0
    return .integer(bytes.reversed().reduce(negative ? -1 : 0) { $0 << 8 | Int($1) })
  }

  /// Text up to a line feed.
  mutating func line() throws -> TensorName {
    var text: [UInt8] = []
    while true {
      let byte = try input.integer(UInt8.self)
      if byte == 0x0A { return TensorName(bytes: text) }
      guard text.count < PickleLimits.name else { throw Self.longName }
      text.append(byte)
    }
  }

  static let longName = Malformed("the pickle has a name of more than \(PickleLimits.name) bytes")

  // MARK: containers

  mutating func newTuple(_ values: [PickleValue]) -> PickleValue {
    sequences.append(values)
    return .tuple(sequences.count - 1)
  }

  private mutating func newList(_ values: [PickleValue]) -> PickleValue {
    sequences.append(values)
    return .list(sequences.count - 1)
  }

  mutating func newDictionary(_ items: [PickleValue]) throws -> PickleValue {
    dictionaries.append([])
    let dictionary = PickleValue.dictionary(dictionaries.count - 1)
    try set(items, in: dictionary)
    return dictionary
  }

  private mutating func append(_ values: [PickleValue]) throws {
    guard case .list(let index) = try top() else { throw Malformed("the pickle appends to what is no list") }
    sequences[index] += values
  }

  private mutating func setItems(_ items: [PickleValue]) throws { try set(items, in: top()) }

  private mutating func set(_ items: [PickleValue], in dictionary: PickleValue) throws {
    guard case .dictionary(let index) = dictionary else {
      throw Malformed("the pickle sets items of what is no dictionary")
    }
    guard items.count.isMultiple(of: 2) else { throw Malformed("the pickle has a dictionary key without a value") }
    for at in stride(from: 0, to: items.count, by: 2) { dictionaries[index].append((items[at], items[at + 1])) }
  }
}
