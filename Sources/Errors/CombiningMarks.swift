/// Marks on one letter. Swift takes the square of their number whenever it compares such a letter or hashes a text of it, so that
/// texts from outside are refused that have more of them than any script does; Unicode's own limit is 30 (UAX #15, 12.1).
package enum CombiningMarks {
  package static let most = 256
  /// As what is wrong with a text.
  package static let tooMany = "more than \(most) marks on one letter"

  package static func areTooMany(in text: some Sequence<Unicode.Scalar>) -> Bool {
    var count = 0
    for scalar in text {
      count = scalar.value >= 0x300 && scalar.properties.canonicalCombiningClass != .notReordered ? count + 1 : 0
      if count > most { return true }
    }
    return false
  }

  /// Of UTF-8.
  package static func areTooMany(in bytes: some Collection<UInt8>) -> Bool {
    bytes.contains { $0 >= 0xCC } && areTooMany(in: String(decoding: bytes, as: UTF8.self).unicodeScalars)
  }
}
