/// Bytes as printable characters, as byte-level vocabularies spell them: bytes that are printable in Latin-1 stand for
/// themselves, the other 68 are U+0100 and on.
enum StandIns {
  /// The bytes in the order of their ids in a vocabulary: first those that stand for themselves.
  static let order: [UInt8] = {
    let printable = [UInt8](33...126) + [UInt8](161...172) + [UInt8](174...255)
    return printable + (UInt8.min...UInt8.max).filter { !printable.contains($0) }
  }()

  /// The UTF-8 of a byte's character.
  static let spellings: [[UInt8]] = {
    var result = [[UInt8]](repeating: [], count: 256)
    for (place, byte) in order.enumerated() {
      let code = place < 188 ? UInt32(byte) : 0x100 + UInt32(place - 188)
      result[Int(byte)] = Unicode.Scalar(code).map { Array(String($0).utf8) } ?? []
    }
    return result
  }()

  private static let bytes: [Unicode.Scalar: UInt8] = Dictionary(
    uniqueKeysWithValues: (UInt8.min...UInt8.max).map { byte in
      (String(decoding: spellings[Int(byte)], as: UTF8.self).unicodeScalars.first ?? "\u{0}", byte)
    })

  /// What a piece of the vocabulary spells; characters that are no stand-ins stay.
  static func bytes(_ piece: String) -> [UInt8] {
    piece.unicodeScalars.flatMap { scalar in bytes[scalar].map { [$0] } ?? Array(String(scalar).utf8) }
  }
}
