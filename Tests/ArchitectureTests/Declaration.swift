/// A declaration of one access level, as found in the text of a file.
struct Declaration {
  /// The line of its keyword, from 1, and its text.
  let line: Int
  let text: String
  /// Whether a `///` comment stands right above, or above its attributes.
  let isDocumented: Bool

  /// What a pair of braces holds, by who may see it.
  private enum Scope {
    /// Nothing that does not say so itself.
    case closed
    /// The cases of an enum, the requirements of a protocol, all members of an extension.
    case cases, requirements, members
  }

  private static let levels: Set<String> = ["public", "open", "package", "internal", "fileprivate", "private"]
  private static let modifiers: Set<String> = [
    "static", "final", "lazy", "mutating", "nonmutating", "nonisolated", "override", "required", "convenience", "indirect",
    "weak", "unowned", "unsafe", "set", "borrowing", "consuming", "dynamic", "optional", "async", "prefix", "postfix", "infix",
  ]
  private static let keywords: Set<String> = [
    "actor", "associatedtype", "case", "class", "enum", "extension", "func", "init", "let", "macro", "precedencegroup",
    "protocol", "struct", "subscript", "typealias", "var",
  ]

  /// The declarations of a level such as `public`: those that say so, the cases of such enums, the requirements of such
  /// protocols, and what such extensions hold. It reads lines and braces, not Swift's grammar.
  /// - Returns: nil where braces do not match.
  static func all(_ access: String, in source: String) -> [Declaration]? {
    let lines = source.split(separator: "\n", omittingEmptySubsequences: false)
    let codes = blanked(source).split(separator: "\n", omittingEmptySubsequences: false)
    var found: [Declaration] = []
    var scopes: [Scope] = []
    var pending = Scope.closed  // of the next brace
    var isDocumented = false
    for (index, (line, code)) in zip(lines, codes).enumerated() {
      let bare = code.replacing(/@\w+(\([^()]*\))?/, with: "")
      let words = bare.split { !($0.isLetter || $0.isNumber || $0 == "_") }.map(String.init)
      let (level, keyword) = heading(words)
      let isNamed = level == access || access == "public" && level == "open"
      let isInherited =
        switch scopes.last {
        case .cases: keyword == "case"
        case .requirements: keyword != nil
        case .members: keyword != nil && level == nil
        case .closed, nil: false
        }
      if let keyword {
        if keyword != "extension", isNamed || isInherited {
          let text = String(line.drop { $0 == " " })
          found.append(Declaration(line: index + 1, text: text, isDocumented: isDocumented))
        }
        pending = isNamed ? ["enum": .cases, "protocol": .requirements, "extension": .members][keyword] ?? .closed : .closed
      }
      for character in code where character == "{" || character == "}" {
        if character == "{" {
          scopes.append(pending)
          pending = .closed
        } else if scopes.popLast() == nil {
          return nil
        }
      }
      let isComment = line.drop { $0 == " " }.hasPrefix("///")
      let isAttributeAlone = code.contains("@") && bare.allSatisfy { $0 == " " }
      isDocumented = isComment || isDocumented && isAttributeAlone
    }
    return scopes.isEmpty ? found : nil
  }

  /// The level a line names and the word that says what it declares; nil where there is none.
  private static func heading(_ words: [String]) -> (level: String?, keyword: String?) {
    var level: String?
    for (index, word) in words.enumerated() {
      if levels.contains(word) {
        level = level ?? word  // the first: a setter has its own, as in `public private(set) var`
      } else if word == "class", words.dropFirst(index + 1).first.map(keywords.contains) ?? false {
        continue  // class func
      } else if !modifiers.contains(word) {
        return (level, keywords.contains(word) ? word : nil)
      }
    }
    return (level, nil)
  }
}

/// Swift source with spaces in place of all comments, strings and regular expressions; lines stay where they are.
func blanked(_ source: String) -> String {
  /// Code with so many open parentheses, or a string with so many # and quotation marks.
  enum Mode {
    case code(parentheses: Int)
    case string(hashes: Int, quotes: Int)
  }
  let text = Array(source.unicodeScalars)
  var result = String.UnicodeScalarView()
  var modes = [Mode.code(parentheses: 0)]
  var at = 0
  func count(_ scalar: Unicode.Scalar, from start: Int) -> Int {
    text[min(start, text.count)...].prefix { $0 == scalar }.count
  }
  func blank(_ length: Int) {
    for scalar in text[at..<min(at + length, text.count)] { result.append(scalar == "\n" ? "\n" : " ") }
    at = min(at + length, text.count)
  }
  func comment() -> Int? {
    guard text[at] == "/", at + 1 < text.count else { return nil }
    if text[at + 1] == "/" { return text[at...].prefix { $0 != "\n" }.count }
    guard text[at + 1] == "*" else { return nil }
    var depth = 0
    var end = at
    repeat {
      let pair = (text[end], text[end + 1])
      depth += pair == ("/", "*") ? 1 : pair == ("*", "/") ? -1 : 0
      end += pair == ("/", "*") || pair == ("*", "/") ? 2 : 1
    } while depth > 0 && end + 1 < text.count
    return end - at
  }
  /// A literal /…/ begins where an operand may: behind an opening parenthesis, a comma and the like.
  func regularExpression() -> Int? {
    guard text[at] == "/", at + 1 < text.count, text[at + 1] != " ",
      let before = result.last(where: { $0 != " " }), "(,=:[{\n".unicodeScalars.contains(before)
    else { return nil }
    var end = at + 1
    while end < text.count, text[end] != "/" {
      if text[end] == "\n" { return nil }
      end += text[end] == "\\" ? 2 : 1
    }
    return end < text.count ? end + 1 - at : nil
  }
  while at < text.count {
    switch modes[modes.count - 1] {
    case .code(let parentheses):
      if let length = comment() ?? regularExpression() {
        blank(length)
        continue
      }
      let hashes = count("#", from: at)
      let quotes = min(3, count("\"", from: at + hashes))
      if quotes == 2 {
        blank(hashes + 2 + hashes)  // an empty string
      } else if quotes > 0 {
        modes.append(.string(hashes: hashes, quotes: quotes))
        blank(hashes + quotes)
      } else {
        if text[at] == "(" { modes[modes.count - 1] = .code(parentheses: parentheses + 1) }
        if text[at] == ")" {
          if parentheses == 0, modes.count > 1 {
            modes.removeLast()
          } else {
            modes[modes.count - 1] = .code(parentheses: parentheses - 1)
          }
        }
        if modes.count > 1 {
          blank(1)
        } else {
          result.append(text[at])
          at += 1
        }
      }
    case .string(let hashes, let quotes):
      if text[at] == "\\", count("#", from: at + 1) >= hashes {
        if at + 1 + hashes < text.count, text[at + 1 + hashes] == "(" { modes.append(.code(parentheses: 0)) }
        blank(2 + hashes)
      } else if count("\"", from: at) >= quotes, count("#", from: at + quotes) >= hashes {
        modes.removeLast()
        blank(quotes + hashes)
      } else {
        blank(1)
      }
    }
  }
  return String(result)
}
