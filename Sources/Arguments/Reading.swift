import ArgumentParser

/// How an option's text becomes its value; what cannot be one is answered with what would be.
package enum Reading {
  /// A value that `read` finds in the text.
  package static func value<Value>(_ expected: String, _ read: @escaping @Sendable (String) -> Value?)
    -> @Sendable (String) throws -> Value
  {
    { text in
      guard let value = read(text) else { throw ValidationError("expected \(expected)") }
      return value
    }
  }

  /// A whole number; what the number may be, whoever uses it says.
  package static func whole(_ range: ClosedRange<Int>) -> @Sendable (String) throws -> Int {
    value("a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
      Int(text).flatMap { range.contains($0) ? $0 : nil }
    }
  }

  /// One of the names of an enumeration.
  package static func choice<Choice: CaseIterable & RawRepresentable & Sendable>(_ type: Choice.Type)
    -> @Sendable (String) throws -> Choice where Choice.RawValue == String
  {
    let names = Choice.allCases.map(\.rawValue)
    return value((names.dropLast().joined(separator: ", ") + " or " + (names.last ?? ""))) { Choice(rawValue: $0) }
  }
}
