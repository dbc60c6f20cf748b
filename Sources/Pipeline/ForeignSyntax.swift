/// What prompts of other programs hold that is read as plain words here.
package enum ForeignSyntax {
  /// A line for each kind that is found.
  package static func notes(_ prompt: String) -> [String] {
    var notes: [String] = []
    if let found = prompt.firstMatch(of: /<hypernet:[^<>]*>/) {
      notes.append("\(found.0) is read as words: there are no such files here")
    } else if let found = prompt.firstMatch(of: /<(lora|lyco):[^<>]*>/.ignoresCase()) {
      notes.append("\(found.0) is read as words here: adapters are named in the prompt of what to draw")
    }
    if let found = prompt.firstMatch(of: /\[[^\[\]:\\]*:[^\[\]:\\]*:[0-9. ]+\]/) {
      notes.append("\(found.0) is not a change of words while the picture is drawn, as elsewhere, but a weight")
    }
    if let found = prompt.firstMatch(of: /\(\([^():\\]*\)\)/) ?? prompt.firstMatch(of: /\[[^\[\]:\\]+\]/) {
      notes.append("\(found.0) counts like any other words; write (words:1.2) for more, (words:0.8) for less")
    }
    return notes
  }
}
