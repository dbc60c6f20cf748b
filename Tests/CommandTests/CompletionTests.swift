import Foundation
import Testing

/// What a shell offers after Tab.
@Suite struct CompletionTests {
  /// The last of the words is the one that is being typed.
  private func completions(_ words: [String]) throws -> [String] {
    let program = try Program()
    defer { program.remove() }
    let script = try program.run(["--generate-completion-script", "bash"])
    #expect(script.status == 0)
    let file = program.folder.appendingPathComponent("completions.bash")
    let call = """

      COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
      _dit-t2i dit-t2i "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
      printf '%s\\n' "${COMPREPLY[@]}"
      """
    try (script.output + call).write(to: file, atomically: true, encoding: .utf8)
    let shell = Process(), output = Pipe()
    shell.executableURL = URL(fileURLWithPath: "/bin/bash")
    shell.arguments = [file.path, Program.executable.path] + words
    shell.standardOutput = output
    try shell.run()
    shell.waitUntilExit()
    let offered = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    return offered.split(separator: "\n").map(String.init)
  }

  @Test(arguments: [
    (["--samp"], ["--sampler"]), (["a red fox", "--sigm"], ["--sigmas"]), (["--seed", "4", "fox", "--precision", "bf"], ["bf16"]),
    (["bat"], ["batch"]), (["batch", "--sha"], ["--shard"]), (["batch", "x.txt", "--precision", "bf"], ["bf16"]),
  ])
  func theMainCommandDraws(_ words: [String], _ expected: [String]) throws {
    let offered = try completions(words)
    #expect(offered == expected, "\(words)")
  }

  /// The line that the main command's part stands before is there in each shell's script.
  @Test(arguments: [("bash", "COMP_WORDS[0]}\" draw"), ("zsh", "words[1]}\" draw"), ("fish", "$unparsed_tokens[1] draw")])
  func eachShellCompletesTheMainCommand(_ shell: String, _ addition: String) throws {
    let program = try Program()
    defer { program.remove() }
    for arguments in [["--generate-completion-script", shell], ["--generate-completion-script=\(shell)"]] {
      let script = try program.run(arguments)
      #expect(script.status == 0 && script.output.contains(addition))
    }
    let wrong = try program.run(["--generate-completion-script", "csh"])
    #expect(wrong.status == 64 && wrong.errorLines.count == 1)
  }
}
