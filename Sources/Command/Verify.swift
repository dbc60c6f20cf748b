import ArgumentParser
import DiTModels
import DiTTensors
import DiTTextToImage
import DiTVerification
import Foundation

struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Check this build against a folder of golden numbers.",
    usage: "dit-t2i verify <dir> [<options>]",
    discussion: """
      DIR holds manifest.json and the files it names; a model's goldens folder will do. Computed in float32 unless
      --precision says otherwise (tolerances widen with it). Exit code 1 if any case fails or is of an unknown kind.
      """)

  @Argument(help: "The folder with manifest.json.")
  var dir: String

  @Option(help: "Only these groups, separated by commas.")
  var group: String?

  @OptionGroup var engine: EngineOptions

  @Flag(name: .shortAndLong, help: "Print only failures and the summary.")
  var quiet = false

  func run() throws {
    let backend = try engine.makeBackend(precision: .f32)
    let verifier = try Verifier(URL(fileURLWithPath: dir), backend: backend)
    let groups = group.map { Set($0.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }) }
    if let unknown = groups?.subtracting(verifier.groupNames).sorted().first {
      throw ValidationError("no group \"\(unknown)\" in \(dir); it has \(verifier.groupNames.joined(separator: ", "))")
    }
    Terminal.print("backend \(backend.kind.rawValue), \(backend.precision.rawValue), \(backend.threads) threads")
    Terminal.print(line("case", "what", "nmse", "max", "tolerance", "", ""))
    var passed = 0
    var failed = 0
    let allPassed = verifier.run(groups: groups) { row in
      if row.passed { passed += 1 } else { failed += 1 }
      guard !quiet || !row.passed else { return }
      let number = { (value: Double?) in value.map { $0 == 0 ? "0" : String(format: "%.1e", $0) } ?? "" }
      Terminal.print(
        line(
          "\(row.group)/\(row.name)", row.what, number(row.comparison?.nmse), number(row.comparison?.maxRelative),
          row.tolerance, row.passed ? "ok" : "FAIL", row.note))
    }
    Terminal.print("\(passed) passed, \(failed) failed")
    guard allPassed, passed > 0 else { throw ExitCode(ExitStatus.verificationFailed) }
  }

  private func line(
    _ name: String, _ what: String, _ nmse: String, _ max: String, _ tolerance: String, _ verdict: String, _ note: String
  ) -> String {
    let pad = { (text: String, width: Int) in text + String(repeating: " ", count: Swift.max(0, width - text.count)) }
    return [pad(name, 44), pad(what, 24), pad(nmse, 8), pad(max, 8), pad(tolerance, 22), pad(verdict, 4), note]
      .joined(separator: " ").replacingOccurrences(of: "\n", with: " ")
  }
}
