import ArgumentParser
import DiTImage
import DiTModels
import DiTTextToImage
import DiTVerification
import Foundation

/// The program's version, as `--version` and the pictures' metadata say it.
let programVersion = "0.1.0"

@main
struct DitT2I: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dit-t2i",
    abstract: "Draws pictures from words with a Diffusion Transformer, on this machine's processor alone.",
    usage: """
      dit-t2i [<prompt> ...] [<options>]
      dit-t2i <subcommand>
      """,
    discussion: """
      Examples:
        dit-t2i "a red fox in snow"
        dit-t2i "a blue car in the city" --size 160x96 --seed 7 --count 4
        dit-t2i --class fox                      a class instead of words
        dit-t2i "a castle at night" --class owl  both at once
        dit-t2i --from a-red-fox-in-snow.png     the same picture again
        dit-t2i batch prompts.txt --output out   the pictures of a file, overnight if need be
        dit-t2i grid "a {red,blue} {fox,owl}"    every combination as a table
        dit-t2i compare "a fox" --class fox      words against a class, side by side
        dit-t2i inspect                          what a model consists of and costs
        dit-t2i models                           which models there are
        dit-t2i verify DIR                       compare with golden numbers

      A prompt that is also a subcommand's name: dit-t2i draw NAME.

      Exit codes:
        0   done                      66  no such model or file
        1   verification failed       71  out of memory
        64  wrong usage               73  the output cannot be written
        65  a damaged or wrong file   130 interrupted
      """,
    version: "dit-t2i \(programVersion)",
    // Each says its own name: to find one from its type, Swift looks through all conformances there are, for 5 ms.
    subcommands: [
      Draw.self, Batch.self, GridCommand.self, Compare.self, Inspect.self, Models.self, Verify.self, Convert.self,
      New.self, Benchmark.self,
    ],
    defaultSubcommand: Draw.self)

  static func main() {
    Interruption.install()
    if CommandLine.argc < 2 {
      print(overview)
      Foundation.exit(0)
    }
    do {
      try checkArguments()
      if let script = CompletionScript.requested(by: Array(CommandLine.arguments.dropFirst())) {
        print(script)
        return
      }
      var command = try parseAsRoot()
      try command.run()
    } catch {
      finish(with: error)
    }
  }

  /// The program's help, and with it the options of what people use it for most.
  private static var overview: String {
    let draw = helpMessage(for: Draw.self)
    let program = helpMessage()
    guard let drawing = draw.range(of: "ARGUMENTS:"), let own = program.range(of: "OPTIONS:"),
      let rest = program.range(of: "SUBCOMMANDS:")
    else { return program }
    return program[..<own.lowerBound] + draw[drawing.lowerBound...] + "\n\n" + program[rest.lowerBound...]
  }

  /// Swift repairs malformed arguments silently; a prompt that is not what was typed should not be drawn.
  private static func checkArguments() throws {
    for index in 1..<Int(CommandLine.argc) {
      guard let bytes = CommandLine.unsafeArgv[index] else { continue }
      guard String(validatingCString: bytes) != nil else {
        throw ValidationError("argument \(index) is not valid UTF-8")
      }
    }
  }

  /// Help goes to standard output; everything else is one line on standard error and an exit code.
  private static func finish(with error: Error) -> Never {
    let code = ExitStatus.code(of: error) ?? exitCode(for: error).rawValue
    if code == 0 {
      let asksForAll = ["--help", "-h", "help"].contains(CommandLine.arguments.dropFirst().joined(separator: " "))
      print(asksForAll ? overview : fullMessage(for: error))
    } else if !(error is ExitCode) {
      let text = ExitStatus.code(of: error) == nil ? message(for: error) : "\(error)"
      complain(text)
    }
    Foundation.exit(code)
  }
}

/// `"violin", "oboe", "harp" and 4 more`.
func listed(_ words: [String]) -> String {
  let shown = words.prefix(3).map { "\"\($0)\"" }.joined(separator: ", ")
  return words.count > 3 ? "\(shown) and \(words.count - 3) more" : shown
}

/// One line on standard error.
func complain(_ message: String, prefix: String = "dit-t2i: ") {
  let line = message.split(whereSeparator: \.isNewline).joined(separator: " ")
  FileHandle.standardError.write(Data("\(prefix)\(line)\n".utf8))
}
