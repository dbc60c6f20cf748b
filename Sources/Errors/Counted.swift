/// "1 step", "25 steps"; "1 class", "3 classes".
package func counted(_ count: Int, _ one: String, _ many: String? = nil) -> String {
  "\(count) \(count == 1 ? one : many ?? one + "s")"
}

/// `"violin", "oboe", "harp" and 4 more`.
package func listed(_ words: [String], most: Int = 3) -> String {
  let shown = words.prefix(most).map { "\"\($0)\"" }.joined(separator: ", ")
  return words.count > most ? "\(shown) and \(words.count - most) more" : shown
}
