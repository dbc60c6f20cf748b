import ArgumentParser
import DiTErrors
import DiTFiles
import Foundation
import TOMLKit

/// What the user wants unless an option says otherwise: a TOML file whose keys are options without their dashes.
///
///     size = "320x192"      # what draw, batch and grid share
///     threads = 2
///     [draw]                # options of one command
///     preview = true
struct Defaults {
  /// Nil: there is no such file.
  let url: URL?
  /// As arguments, `--size=320x192`: those of all three commands, and of each.
  private(set) var shared: [String] = []
  private(set) var sections: [String: [String]] = [:]

  static let commands: [(name: String, type: any ParsableCommand.Type)] = [
    ("draw", Draw.self), ("batch", Batch.self), ("grid", GridCommand.self),
  ]

  /// `config.toml` in `$XDG_CONFIG_HOME/dit-t2i`, else in `~/.config/dit-t2i`.
  static var usualPlace: URL {
    userFolder("XDG_CONFIG_HOME", else: "~/.config").appendingPathComponent("config.toml")
  }

  /// - Parameter path: the file that the user names; nil for the usual one, which need not be there.
  /// - Throws: `FileError`, or ``DefaultsError`` that names the file and the key.
  init(_ path: String?) throws {
    let place = path.map { URL(fileURLWithPath: $0) } ?? Defaults.usualPlace
    guard path != nil || FileManager.default.fileExists(atPath: place.path) else {
      url = nil
      return
    }
    url = place
    let text = String(decoding: try readFile(place, limit: 1 << 20), as: UTF8.self)
    do {
      try read(try TOMLTable(string: text))
    } catch let error as TOMLParseError {
      throw DefaultsError(path: "\(place.path):\(error.source.begin.line)", reason: error.description)
    } catch let error as ValidationError {
      throw DefaultsError(path: place.path, reason: error.message)
    }
  }

  private mutating func read(_ table: TOMLTable) throws {
    for (key, value) in table {
      guard let section = value.table else {
        shared += try Defaults.argument(key, value)
        continue
      }
      guard let command = Defaults.commands.first(where: { $0.name == key }) else {
        throw ValidationError("[\(key)]: sections are [draw], [batch] and [grid]")
      }
      sections[key] = try section.flatMap { try Defaults.argument($0.0, $0.1) }
      try Defaults.check(sections[key] ?? [], in: "[\(key)] ") { arguments in
        // What a command demands beside options does not matter here.
        let needed = command.name == "batch" ? ["file", "--output=."] : ["words"]
        _ = try command.type.parse(needed + arguments)
      }
    }
    try Defaults.check(shared, in: "") { _ = try Shared.parse($0) }
  }

  /// What all three commands understand.
  private struct Shared: ParsableArguments {
    @OptionGroup var picture: PictureOptions
    @OptionGroup var source: SourceOptions
    @OptionGroup var engine: EngineOptions
  }

  private static func check(_ arguments: [String], in section: String, _ parse: ([String]) throws -> Void) throws {
    for argument in arguments {
      do {
        try parse([argument])
      } catch {
        let name = argument.dropFirst(2).prefix { $0 != "=" }
        let reason = Draw.message(for: error)
        throw ValidationError("\(section)\(name): \(reason.hasPrefix("Unknown option") ? "there is no such option" : reason)")
      }
    }
  }

  private static func argument(_ key: String, _ value: any TOMLValueConvertible) throws -> [String] {
    guard !["help", "version", "config", "from", "variation", "merge"].contains(key) else {
      throw ValidationError("\(key): belongs on the command line")
    }
    if let flag = value.bool { return flag ? [key == "cache" ? "--cache=auto" : "--\(key)"] : [] }
    if let text = value.string { return ["--\(key)=\(text)"] }
    if let several = value.array, key == "lora" { return try several.flatMap { try argument(key, $0) } }
    if let number = value.int { return ["--\(key)=\(number)"] }
    if let number = value.double { return ["--\(key)=\(number)"] }
    throw ValidationError("\(key): expected a text, a number, true or false")
  }

  // MARK: use

  /// The defaults put before what the user typed, so that the later one counts.
  /// - Parameter arguments: in our own spelling; `--config FILE` is taken out.
  static func applied(to arguments: [String]) throws -> [String] {
    let named = commands.first { $0.name == arguments.first }?.name
    let isOther = named == nil && DitT2I.commandNames.contains(arguments.first ?? "")
    guard !isOther else { return arguments }
    var own = named == nil ? arguments : Array(arguments.dropFirst())
    var path: String?
    own.removeAll { argument in
      guard argument.hasPrefix("--config=") else { return false }
      path = String(argument.dropFirst("--config=".count))
      return true
    }
    let defaults = try Defaults(path)
    let command = named ?? "draw"
    let given = Set(own.map(name))
    let kept = (defaults.shared + (defaults.sections[command] ?? [])).filter { allows(name($0), beside: given) }
    return (named.map { [$0] } ?? []) + kept + own
  }

  private static func name(_ argument: String) -> String { String(argument.prefix { $0 != "=" }) }

  /// Whether a default still counts where the user gave these options.
  private static func allows(_ name: String, beside given: Set<String>) -> Bool {
    let excluded: [String: Set<String>] = [
      "--steps": ["--respacing"], "--sigmas": ["--respacing"], "--respacing": ["--steps", "--sigmas"],
      "--size": ["--width", "--height"], "--count": ["--seed"], "--output": ["--merge"],
      "--lora": ["--lora"],
    ]
    // A picture that is drawn again is drawn as it was.
    let unchanged: Set = [
      "--output", "--preview", "--strip", "--attention", "--quiet", "--json", "--quality", "--threads", "--text-cache",
      "--lora-folder",
    ]
    if given.contains("--from") || given.contains("--variation") { return unchanged.contains(name) }
    return excluded[name, default: []].isDisjoint(with: given)
  }
}

struct DefaultsError: UserError {
  let path: String
  let reason: String
  var kind: UserErrorKind { .usage }
  var description: String { "\(path): \(reason)" }
}
