import ArgumentParser
import DiTDiffusion

/// Turns arguments as people type them into those that the parser knows: names of other programs, values that begin
/// with a minus, `-n4`, `--prompt WORDS`.
struct Spelling {
  /// Options that take a value, whatever it begins with, of all commands together.
  static let options: Set<String> = [
    "--attention-blocks", "--backend", "--caption", "--caption-decoder", "--caption-tokenizer", "--class", "--config", "--count",
    "--dit-compat", "--eta", "--from", "--group", "--guidance", "--guidance-channels", "--guidance-every", "--guidance-interval",
    "--guidance-parallel", "--height", "--image", "--image-encoder", "--lora", "--lora-folder", "--mask", "--merge",
    "--minutes", "--model", "--negative", "--output", "--precision", "--prompts", "--quality", "--rank", "--rate", "--respacing",
    "--sampler", "--samples", "--scheme", "--seed",
    "--seeds", "--shard", "--sheet", "--sigmas", "--size", "--sizing", "--steps", "--strength", "--text-cache", "--text-encoder",
    "--threads", "--tokens", "--type", "--vae", "--vae-tile", "--variation", "--width", "--word",
  ]

  /// - Throws: `ValidationError` for options of other programs that have no equal here.
  static func ours(_ arguments: [String]) throws -> [String] {
    var result: [String] = []
    var prompts: [String] = []
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      if argument == "--" {
        result.append(argument)
        result += rest
        break
      }
      guard argument.hasPrefix("-"), argument.count > 1 else {
        result.append(argument)
        continue
      }
      var (name, value) = split(argument)
      if let advice = OtherPrograms.advice(name) { throw ValidationError("\(name): \(advice)") }
      name = OtherPrograms.names[name] ?? name
      if name == "--prompt" || name == "-p" {
        guard let words = value ?? rest.popFirst() else { throw ValidationError("\(name): the words are missing") }
        prompts.append(words)
      } else if name == "--cache" {
        if value == nil { value = CacheChoice.isValue(rest) ? rest.popFirst() : "auto" }
        result.append("--cache=\(value ?? "")")
      } else if name == "--scheduler" {
        result += try scheduler(value ?? rest.popFirst())
      } else if options.contains(name) {
        if value == nil { value = rest.popFirst() }
        // Joined, so that a minus is a value's; the parser takes "--name=" for no value.
        result += value.map { $0.isEmpty ? [name, ""] : ["\(name)=\($0)"] } ?? [name]
      } else {
        result.append(argument)
      }
    }
    guard !prompts.isEmpty else { return result }
    if let end = result.firstIndex(of: "--") {
      result.insert(contentsOf: prompts, at: end + 1)
      return result
    }
    return result + ["--"] + prompts
  }

  /// A sampler for some programs, for others where the noise levels lie.
  private static func scheduler(_ value: String?) throws -> [String] {
    guard let value else { throw ValidationError("--scheduler: its name is missing; here it is called --sampler") }
    let isSpacing = SamplerNames.resolve(value) == nil
    guard isSpacing, let known = SamplerNames.resolve(SamplerRegistry.names[0], schedule: value) else {
      return ["--sampler=\(value)"]
    }
    return known.spacing.map { ["--sigmas=\($0.rawValue)"] } ?? []
  }

  /// `--name=value`, and `-n4` where `-n` takes a value.
  private static func split(_ argument: String) -> (name: String, value: String?) {
    if argument.hasPrefix("--") {
      guard let equals = argument.firstIndex(of: "=") else { return (argument, nil) }
      return (String(argument[..<equals]), String(argument[argument.index(after: equals)...]))
    }
    let name = String(argument.prefix(2))
    guard argument.count > 2, OtherPrograms.names[name] != nil || name == "-p" else { return (argument, nil) }
    let value = argument.dropFirst(2)
    return (name, String(value.first == "=" ? value.dropFirst() : value))
  }
}
