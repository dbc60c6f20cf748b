/// "a red fox in snow" -> "a-red-fox-in-snow"; letters and digits of any script, at most 60 characters.
package func slug(_ text: String) -> String {
  let words = text.lowercased().split { !($0.isLetter || $0.isNumber) }
  var result = ""
  for word in words where result.utf8.count + word.utf8.count < 100 {
    if result.count + word.count > 60 { break }
    result += (result.isEmpty ? "" : "-") + word
  }
  // A word that alone is too long; by scalars, for one character may have any number of them.
  if result.isEmpty, let word = words.first {
    for scalar in word.unicodeScalars.prefix(20) { result.unicodeScalars.append(scalar) }
  }
  return result.isEmpty ? "picture" : result
}
