import DiTTestSupport
import Foundation
import Testing

/// What people type who come from other programs, or slip.
@Suite(.serialized) struct WordsTests {
  let program: Program
  private let quick = ["--steps", "1", "--size", "64"]

  init() throws { program = try Program() }

  /// The fields of the only line of JSON.
  private func drawn(_ arguments: [String], environment: [String: String] = [:]) throws -> [String: Any] {
    let result = try program.run(arguments + ["--json"], environment: environment)
    #expect(result.status == 0, "\(arguments): \(result.errors)")
    return try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any] ?? [:]
  }

  @Test func namesOfOtherProgramsAreUnderstood() throws {
    defer { program.remove() }
    let fields = try drawn(
      ["--prompt", "-a fox", "-W", "96", "-H", "64", "--cfg-scale", "3", "--num-inference-steps=2", "-S7", "-n", "-blurry"])
    #expect(fields["prompt"] as? String == "-a fox")
    #expect(fields["negative"] as? String == "-blurry")
    #expect(fields["width"] as? Int == 96 && fields["height"] as? Int == 64)
    #expect(fields["steps"] as? Int == 2 && fields["guidance"] as? Double == 3 && fields["seed"] as? Int == 7)
  }

  @Test(arguments: [
    ["fox", "--fp16"], ["fox", "--device", "cuda"], ["--prompt-file", "a.txt"], ["fox", "--clip-skip", "2"],
  ])
  func whatHasNoEqualHereIsAnswered(_ arguments: [String]) throws {
    defer { program.remove() }
    let result = try program.run(arguments)
    #expect(result.status == 64 && result.errorLines.count == 1, "\(result.errors)")
    #expect(!result.errors.contains("Unknown option") && !result.errors.contains("Did you mean"))
  }

  @Test(arguments: [
    ("version", "--version"), ("list", "models"), ("gird", "grid"), ("modles", "models"), ("help me", "lists them"),
  ])
  func nearlyCommandsAreAskedAbout(_ words: String, meant: String) throws {
    defer { program.remove() }
    let result = try program.run(words.split(separator: " ").map(String.init))
    #expect(result.status == 64 && result.errors.contains(meant) && result.errorLines.count == 1, "\(result.errors)")
    #expect(try program.files().isEmpty)
  }

  /// Cats and hats are one letter away from a command.
  @Test(arguments: ["cat", "hat", "newt"])
  func wordsOfTheModelAreDrawn(_ word: String) throws {
    defer { program.remove() }
    #expect(try program.run([word] + quick).status == 0)
  }

  @Test func seedsMayBeSeveralOrLeftToChance() throws {
    defer { program.remove() }
    let several = try program.run(["fox", "--seed", "1,5,9"] + quick)
    #expect(several.output.split(separator: "\n").map { $0.split(separator: " ")[2] } == ["1", "5", "9"])
    #expect(try program.run(["fox", "--seed", "-1"] + quick).status == 0)
    // A generator of 32 bits: what is recorded is what was drawn.
    #expect(try drawn(["fox", "--seed", "4294967303"] + quick)["seed"] as? Int == 7)
  }

  @Test func standardStreams() throws {
    defer { program.remove() }
    let script = """
      echo 'a blue fox' | \(Program.executable.path) - --steps 1 --size 64 --seed 1 -o - > a.png 2> said || exit 1
      grep -q 'seed 1' said || exit 2
      \(Program.executable.path) 'a blue fox' --steps 1 --size 64 --seed 1 -o b.png > /dev/null || exit 3
      cmp a.png b.png || exit 4
      \(Program.executable.path) models > /dev/full; [ $? = 73 ] || exit 5
      \(Program.executable.path) --help > /dev/full; [ $? = 73 ] || exit 6
      \(Program.executable.path) inspect --json >&-; [ $? = 73 ] || exit 7
      \(Program.executable.path) fox --model nope 2> /dev/full; [ $? = 66 ] || exit 8
      \(Program.executable.path) fox --model nope 2>&-; [ $? = 66 ] || exit 9
      \(Program.executable.path) models --classes | head -1 > /dev/null; [ ${PIPESTATUS[0]} = 0 ] || exit 10
      for i in 1 2 3; do echo "fox $i"; done > p.txt
      \(Program.executable.path) batch p.txt --steps 1 --size 64 -o out 2>&1 | head -1 > /dev/null
      [ ${PIPESTATUS[0]} = 0 ] && [ $(ls out/*.png | wc -l) = 3 ] || exit 11
      """
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = ["-c", script]
    process.currentDirectoryURL = program.folder
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }

  @Test(arguments: [("DPM++ 2M Karras", "dpm++", 3), ("dpmpp_2m", "dpm++", 3), ("unipc", "unipc", 3), ("euler_k", "euler", 3)])
  func samplersHaveTheirNamesElsewhere(_ name: String, known: String, steps: Int) throws {
    defer { program.remove() }
    let fields = try drawn(["fox", "--sampler", name, "--steps", "\(steps)", "--size", "64", "-o", "a.png"])
    #expect(fields["sampler"] as? String == known)
    let settings = try program.run(["info", "a.png"]).output
    #expect(settings.contains("karras") == (name.contains("Karras") || name.hasSuffix("_k")))
  }

  @Test(arguments: [("karras", "dpm++", true), ("euler", "euler", false), ("discrete", "dpm++", false)])
  func schedulersAreSamplersOrSpacings(_ name: String, sampler: String, isKarras: Bool) throws {
    defer { program.remove() }
    let fields = try drawn(["fox", "--scheduler", name, "-o", "a.png"] + quick)
    #expect(fields["sampler"] as? String == sampler)
    #expect(try program.run(["info", "a.png"]).output.contains("karras") == isKarras)
  }

  @Test func anUnknownSamplerSaysWhichIsLikeIt() throws {
    defer { program.remove() }
    let result = try program.run(["fox", "--sampler", "euler_ancestral_cfg_pp"])
    #expect(result.status == 64 && result.errorLines.count == 1, "\(result.errors)")
    #expect(result.errors.contains("'euler_a' is most like it"))
  }

  /// Samplers of distilled models bring their steps and no guidance, unless the user says otherwise.
  @Test func samplersOfFewStepsBringThem() throws {
    defer { program.remove() }
    let small = ["--size", "64x64", "--seed", "1", "-o", "a.png"]
    let own = try drawn(["fox", "--sampler", "lcm"] + small)
    #expect(own["steps"] as? Int == 4 && own["guidance"] as? Double == 1)
    let said = try drawn(["fox", "--steps", "2", "--sampler", "Euler a", "--guidance", "3"] + small)
    #expect(said["steps"] as? Int == 2 && said["guidance"] as? Double == 3 && said["sampler"] as? String == "euler_a")
  }

  @Test func foldersAreMade() throws {
    defer { program.remove() }
    #expect(try program.run(["fox", "-o", "new/deep/"] + quick).output.hasPrefix("new/deep/fox.png"))
    #expect(try program.run(["fox", "-o", "other/x.png"] + quick).output.hasPrefix("other/x.png"))
  }

  @Test func aClassIsDroppedByNone() throws {
    defer { program.remove() }
    #expect(try drawn(["--class", "fox", "-o", "a.png"] + quick)["class"] as? String == "fox")
    #expect(try drawn(["--from", "a.png", "--class", "none", "-o", "b.png"])["class"] == nil)
  }

  @Test func configurationFilesSetDefaults() throws {
    defer { program.remove() }
    let home = program.folder.appendingPathComponent("dit-t2i")
    try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
    let file = home.appendingPathComponent("config.toml")
    let environment = ["XDG_CONFIG_HOME": program.folder.path]
    try Data("size = \"64x96\"\nsteps = 2\n[draw]\nseed = 5\n".utf8).write(to: file)
    let fields = try drawn(["fox", "-o", "a.png"], environment: environment)
    #expect(fields["height"] as? Int == 96 && fields["steps"] as? Int == 2 && fields["seed"] as? Int == 5)
    #expect(try drawn(["fox", "--respacing", "3", "--size", "64"], environment: environment)["steps"] as? Int == 3)
    try Data("seed = 6\nsteps = 1\n".utf8).write(to: file)
    let again = try drawn(["--from", "a.png", "-o", "b.png"], environment: environment)
    #expect(again["seed"] as? Int == 5)
    #expect(try program.data("a.png") == program.data("b.png"))
    #expect(try program.run(["config"], environment: environment).output.contains("--seed=6"))
    for (text, word) in [("stpes = 2", "stpes"), ("steps =", ":1"), ("[grod]\na = 1", "[grod]"), ("steps = \"x\"", "1 to 1000")] {
      try Data(text.utf8).write(to: file)
      let result = try program.run(["fox"] + quick, environment: environment)
      #expect(result.status == 64 && result.errors.contains(word) && result.errorLines.count == 1, "\(text): \(result.errors)")
    }
    #expect(try program.run(["fox", "--config", "nofile"] + quick).status == 66)
  }

  /// Every line that was broken by hand fits, and what is used most is within reach of the eye.
  @Test func helpFitsEightyColumns() throws {
    defer { program.remove() }
    for command in ["draw", "batch", "grid", "compare", "inspect", "models", "verify", "convert", "new", "config"] {
      let help = try program.run(["help", command], environment: ["COLUMNS": "200"])
      let byHand = help.output.split(separator: "\n").prefix { !$0.hasPrefix("USAGE") }.filter { $0.hasPrefix("  ") }
      #expect(byHand.allSatisfy { $0.count <= 80 }, "\(command): \(byHand.filter { $0.count > 80 })")
    }
    let all = try program.run(["--help"], environment: ["COLUMNS": "0"]).output
    #expect(all.contains("OVERVIEW") && all.split(separator: "\n", omittingEmptySubsequences: false).count < 70)
  }

  @Test func completionKnowsTheMainCommandAndValues() throws {
    defer { program.remove() }
    let bash = try program.run(["--generate-completion-script", "bash"]).output
    #expect(bash.contains("---completion draw -- --class"))
    let classes = try program.run(["---completion", "draw", "--", "--class", "2", "2", "dit-t2i", "--class", "fo"]).output
    #expect(classes.split(separator: "\n").contains("fox"))
    for shell in ["zsh", "fish"] {
      #expect(try program.run(["--generate-completion-script=\(shell)"]).output.contains("sampler"))
    }
  }

  @Test func chatDrawsLineByLine() throws {
    defer { program.remove() }
    let lines = """
      size 64
      steps 1
      a red fox
      seed 7
      again
      again
      vary
      save best
      class foo
      quit
      not drawn
      """
    try Data(lines.utf8).write(to: program.folder.appendingPathComponent("lines"))
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", "'\(Program.executable.path)' chat -o pics < lines > said 2> errors"]
    process.currentDirectoryURL = program.folder
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    let pictures = try FileManager.default.contentsOfDirectory(atPath: program.folder.appendingPathComponent("pics").path)
    #expect(
      pictures.sorted() == ["a-red-fox-2.png", "a-red-fox-3.png", "a-red-fox-4.png", "a-red-fox.png", "best.png"])
    #expect(try program.data("pics/best.png") == program.data("pics/a-red-fox-4.png"))
    #expect(String(decoding: try program.data("errors"), as: UTF8.self).contains("\"foot\""))
    let seeds = String(decoding: try program.data("said"), as: UTF8.self).split(separator: "\n").filter { $0.hasPrefix("seed ") }
    #expect(seeds.count == 4 && seeds[1].hasPrefix("seed 7 ") && !seeds[2].hasPrefix("seed 7 "))
  }
}
