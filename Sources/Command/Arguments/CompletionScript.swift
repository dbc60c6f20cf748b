import ArgumentParser

/// A shell's completions as ArgumentParser writes them, and those of the main command: without a subcommand `dit-t2i` draws,
/// so its words are completed as if `draw` stood before them.
enum CompletionScript {
  /// The script that `arguments` ask for by `--generate-completion-script [SHELL]`; nil if they do not, or if the shell is
  /// none we know: ArgumentParser then says so.
  static func requested(by arguments: [String]) -> String? {
    let option = "--generate-completion-script"
    guard let first = arguments.first, first.hasPrefix(option) else { return nil }
    let words = [String(first.dropFirst(option.count + 1))] + arguments.dropFirst()
    let name = words.first { !$0.isEmpty }
    return (name.map { CompletionShell(rawValue: $0) } ?? .autodetected()).map(text(for:))
  }

  /// - Parameter shell: bash, zsh or fish.
  static func text(for shell: CompletionShell) -> String {
    let script = DitT2I.completionScript(for: shell)
    let names = DitT2I.configuration.subcommands.compactMap { $0.configuration.commandName } + ["help"]
    // Each goes before the line that starts to read the words.
    let (line, addition) =
      switch shell {
      case .bash:
        (
          "    local -r cur=",
          """
              if [[ ${COMP_CWORD} -gt 1 || ${COMP_WORDS[1]} = -* ]] && [[ ! ${COMP_WORDS[1]} =~ ^(\(names.joined(separator: "|")))$ ]]; then
                  COMP_WORDS=("${COMP_WORDS[0]}" draw "${COMP_WORDS[@]:1}")
                  COMP_CWORD=$((COMP_CWORD + 1))
                  COMP_LINE="${COMP_WORDS[0]} draw${COMP_LINE#"${COMP_WORDS[0]}"}"
                  COMP_POINT=$((COMP_POINT + 5))
              fi

          """
        )
      case .zsh:
        (
          "    local context state",
          """
              if [[ ${CURRENT} -gt 2 || ${words[2]} = -* ]] && [[ ${words[2]} != (\(names.joined(separator: "|"))) ]]; then
                  words=("${words[1]}" draw "${(@)words[2,-1]}")
                  CURRENT=$((CURRENT + 1))
              fi

          """
        )
      default:
        (
          "    switch $unparsed_tokens[1]",
          """
              if test (count $unparsed_tokens) -gt 1; or string match -q -- '-*' (commandline -t)
                  contains -- "$unparsed_tokens[2]" \(names.joined(separator: " "))
                  or set unparsed_tokens $unparsed_tokens[1] draw $unparsed_tokens[2..]
              end

          """
        )
      }
    guard let start = script.range(of: line)?.lowerBound else { return script }
    return script[..<start] + addition + script[start...]
  }
}
