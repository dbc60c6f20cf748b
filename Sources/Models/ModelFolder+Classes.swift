import Foundation

extension ModelFolder {
  /// The index of a class given by name or number. ImageNet's classes have synonyms: "tench, Tinca tinca".
  /// - Throws: `ModelError/noSuchClass(_:suggestion:count:)`, `ModelError/noClasses(_:)`, or
  ///   `ModelError/ambiguousClass(_:indices:)` for a name that several classes have.
  public func classIndex(_ text: String) throws -> Int {
    guard transformer.askableClasses > 0 else { throw ModelError.noClasses(name) }
    let wanted = text.trimmingCharacters(in: .whitespaces).lowercased()
    for isMeant in [{ $0.lowercased() == wanted }, { synonyms(of: $0).contains(wanted) }] as [(String) -> Bool] {
      let found = classes.indices.filter { isMeant(classes[$0]) }
      guard found.count < 2 else { throw ModelError.ambiguousClass(text, indices: found) }
      if let index = found.first { return index }
    }
    if let index = Int(wanted), (0..<transformer.askableClasses).contains(index) { return index }
    guard !classes.isEmpty else { throw ModelError.unnamedClasses(text) }
    let all = classes.flatMap(synonyms)
    let closest = all.min { editDistance($0, wanted) < editDistance($1, wanted) }
    // A number or next to nothing is close to every short name.
    let isWord = wanted.count > 2 && Int(wanted) == nil
    let near = closest.flatMap { isWord && editDistance($0, wanted) <= max(2, wanted.count / 3) ? $0 : nil }
    throw ModelError.noSuchClass(text, suggestion: near, count: classes.count)
  }

  /// What a class is called: its name, or its index where it has none.
  public func className(_ index: Int) -> String { classes.indices.contains(index) ? classes[index] : String(index) }

  /// Whether a class is not found by its name: others have it, or it is taken for an index or for "none".
  package func needsIndex(_ index: Int) -> Bool {
    let name = className(index)
    return (try? classIndex(name)) != index
  }

  private func synonyms(of name: String) -> [String] {
    name.lowercased().split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
  }
}

/// Insertions, deletions and substitutions from one word to another (Levenshtein).
package func editDistance(_ a: String, _ b: String) -> Int {
  let b = Array(b.prefix(64))
  var row = Array(0...b.count)
  for (i, x) in a.prefix(64).enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for (j, y) in b.enumerated() {
      let next = min(row[j] + 1, row[j + 1] + 1, diagonal + (x == y ? 0 : 1))
      diagonal = row[j + 1]
      row[j + 1] = next
    }
  }
  return row[b.count]
}
