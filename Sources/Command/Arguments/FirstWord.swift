import ArgumentParser
import DiTModels

/// Is the first word a slip of the pen, or a command of another program?
enum FirstWord {
  /// - Throws: `ValidationError` that asks, where a word alone or with one argument is nearly a command.
  static func check(_ arguments: [String], commands: [String]) throws {
    if arguments.first == "help", let topic = arguments.dropFirst().first, !topic.hasPrefix("-"), !commands.contains(topic) {
      throw ValidationError("there is no command \"\(topic)\"; dit-t2i --help lists them")
    }
    guard let word = arguments.first, word.first?.isLetter == true, word.allSatisfy({ $0.isLetter || $0.isNumber }),
      word != "help", !commands.contains(word), arguments.prefix(while: { !$0.hasPrefix("-") }).count <= 2
    else { return }
    let elsewhere = OtherPrograms.commands[word.lowercased()]
    if let meant = elsewhere ?? nearest(word, commands).map({ "dit-t2i \($0)" }), elsewhere != nil || !isKnown(word) {
      throw ValidationError("\"\(word)\" is no command; did you mean '\(meant)'? To draw it: dit-t2i draw \(word)")
    }
  }

  private static func nearest(_ word: String, _ commands: [String]) -> String? {
    let word = word.lowercased()
    return commands.first { command in
      let distance = editDistance(command, word)
      return distance <= 1 || (distance == 2 && command.sorted() == word.sorted())
    }
  }

  /// Cats, hats and newts are for drawing.
  private static func isKnown(_ word: String) -> Bool {
    guard let url = try? ModelLocator().locate(nil), let folder = try? ModelFolder(url) else { return false }
    return Vocabulary(of: folder)?.unknown(in: word).isEmpty ?? false
  }
}
