import Foundation

/// Text as CLIP's tokenizer takes it apart (Radford et al. 2021, arXiv 2103.00020), by the rules of Hugging Face's fast one:
/// NFC, each scalar in lower case by itself, and then the words of the pattern
/// `'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+`.
enum CLIPWords {
  /// The words of a text without special tokens.
  static func words(_ text: String) -> [[UInt8]] {
    let scalars = lowercased(text)
    let kinds = scalars.map(Kind.init)
    var words: [[UInt8]] = []
    var start = 0
    while start < scalars.count {
      let kind = kinds[start]
      var end = start + 1
      if let suffix = suffixes.first(where: { scalars[start...].starts(with: $0) }) {
        end = start + suffix.count
      } else if kind != .number {
        while end < scalars.count, kinds[end] == kind { end += 1 }
      }
      if kind != .space {
        var word = String.UnicodeScalarView()
        word.append(contentsOf: scalars[start..<end])
        words.append(Array(String(word).utf8))
      }
      start = end
    }
    return words
  }

  /// Not `lowercased()`, which looks at a letter's neighbours: a sigma that ends a word would come out otherwise.
  private static func lowercased(_ text: String) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    for scalar in text.precomposedStringWithCanonicalMapping.unicodeScalars {
      if scalar.isASCII {
        result.append(("A"..."Z").contains(scalar) ? Unicode.Scalar(UInt8(scalar.value) + 32) : scalar)
      } else {
        result += Array(scalar.properties.lowercaseMapping.unicodeScalars)
      }
    }
    return result
  }

  private static let suffixes = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].map { Array($0.unicodeScalars) }

  private enum Kind {
    case space, letter, number, sign

    init(_ scalar: Unicode.Scalar) {
      if scalar.properties.isWhitespace {
        self = .space
        return
      }
      switch scalar.properties.generalCategory {
      case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: self = .letter
      case .decimalNumber, .letterNumber, .otherNumber: self = .number
      default: self = .sign
      }
    }
  }
}
