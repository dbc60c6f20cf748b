import ArgumentParser
import DiTErrors
import DiTFiles
import DiTImage
import DiTModels
import DiTTextToImage
import DiTVerification
import Foundation

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
        dit-t2i "a blue car in the city" --size 320x192 --seed 7 --count 4
        dit-t2i --class fox                      a class instead of words
        dit-t2i "a castle at night" --class owl  both at once
        dit-t2i --from a-red-fox-in-snow.png     the same picture again
        dit-t2i batch prompts.txt --output out   the pictures of a file
        dit-t2i grid "a {red,blue} {fox,owl}"    every combination as a table
        dit-t2i compare "a fox" --class fox      words against a class
        dit-t2i teach my-penguin pictures/       then: dit-t2i "my penguin in snow"
        dit-t2i info fox.jpg                     the settings in a picture
        dit-t2i serve                            draw in a browser
        dit-t2i inspect                          what a model consists of

      Used most (all: dit-t2i help draw):
        -o, --output PATH     a file, or a folder to write into
        --seed N              the same seed draws the same picture
        --count N             how many, with seeds counting up
        --size WxH            in pixels, multiples of 16 from 64 to 1024
        --steps N             more take longer (16)
        -g, --guidance SCALE  how much the words count (4)
        --negative WORDS      what the picture should not show
        --image IN.png        a picture to start from
        --model PATH          a model's name, folder or file of weights
        --preview             show the picture while it forms

      Exit codes:
        0   done                      66  no such model or file
        1   verification failed       71  out of memory
        64  wrong usage               73  the output cannot be written
        65  a damaged or wrong file   130 interrupted
      """,
    version: "dit-t2i \(programVersion)",
    // Each says its own name: to find one from its type, Swift looks through all conformances there are, for 5 ms.
    subcommands: [
      Draw.self, Batch.self, GridCommand.self, Chat.self, Caption.self, Pair.self, Compare.self, Info.self, Inspect.self,
      Models.self, Teach.self, Verify.self, Convert.self, New.self, Calibrate.self, Config.self, Benchmark.self, Serve.self,
    ],
    defaultSubcommand: Draw.self)

  static func main() {
    StandardStreams.openClosed()
    Interruption.install()
    // The parser takes 0 for a terminal of no columns.
    if let columns = getenv("COLUMNS"), (Int(String(cString: columns)) ?? 0) < 20 { unsetenv("COLUMNS") }
    do {
      try checkArguments()
      let arguments = Array(CommandLine.arguments.dropFirst())
      if arguments.isEmpty {
        Terminal.print(helpMessage())
      } else if let script = CompletionScript.requested(by: arguments) {
        Terminal.print(script)
      } else if arguments[0] == Serve.configuration.commandName {
        try Serve.start(arguments.dropFirst())  // the server's options are its own: nothing here reads them
      } else if arguments[0].hasPrefix("---completion") {
        _ = try parseAsRoot(arguments)  // throws the answer
      } else {
        var command = try parsed(understood(arguments))
        try command.run()
      }
      finish(with: nil)
    } catch {
      finish(with: FileError(error) ?? error)
    }
  }

  /// Whatever is wrong with arguments is wrong usage: the parser ends with 1 for errors of ours in `validate()`.
  private static func parsed(_ arguments: [String]) throws -> any ParsableCommand {
    do {
      return try parseAsRoot(arguments)
    } catch let error where exitCode(for: error) == .failure {
      throw ValidationError(message(for: error))
    }
  }

  /// What the parser is told where a person typed `arguments`.
  private static func understood(_ arguments: [String]) throws -> [String] {
    try FirstWord.check(arguments, commands: commandNames)
    return try Defaults.applied(to: Spelling.ours(arguments))
  }

  static var commandNames: [String] { configuration.subcommands.compactMap { $0.configuration.commandName } }

  /// Swift repairs malformed arguments silently; a prompt that is not what was typed should not be drawn.
  private static func checkArguments() throws {
    for index in 0..<Int(CommandLine.argc) where index > 0 {  // there may be none: a preloaded library can hide them
      guard let bytes = CommandLine.unsafeArgv[index] else { continue }
      guard String(validatingCString: bytes) != nil else {
        throw ValidationError("argument \(index) is not valid UTF-8")
      }
      guard !CombiningMarks.areTooMany(in: UnsafeRawBufferPointer(start: bytes, count: strlen(bytes))) else {
        throw ValidationError("argument \(index) has \(CombiningMarks.tooMany)")
      }
    }
  }

  /// Help goes to standard output; everything else is one line on standard error and an exit code.
  private static func finish(with error: Error?) -> Never {
    var code = error.map { ExitStatus.code(of: $0) ?? exitCode(for: $0).rawValue } ?? 0
    if let error, code == 0 {
      let asksForAll = ["--help", "-h", "help"].contains(CommandLine.arguments.dropFirst().joined(separator: " "))
      Terminal.print(asksForAll ? helpMessage() : fullMessage(for: error))
    } else if let error, !(error is ExitCode) {
      complain(ExitStatus.code(of: error) == nil ? message(for: error) : "\(error)")
    }
    do throws(FileError) {
      try Terminal.checkOutput()
    } catch {
      complain("\(error)")
      code = code == 0 ? error.kind.exitCode : code
    }
    Foundation.exit(code)
  }
}
