import ArgumentParser
import DiTModels
import DiTStudy
import DiTTeaching
import DiTTensors
import DiTTextToImage
import Foundation

/// Times parts of a drawing on request, so that another program can take turns with its competitors (`Benchmarks/`).
struct Benchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "benchmark",
    abstract: "Time one step, one decoding or one text on request.",
    usage: "dit-t2i benchmark [<options>]",
    discussion: """
      Says when it has loaded the model, and what it computes in. Then reads a command a line from standard input and
      answers each with a line of JSON:
        step SIZE COUNT      one guided evaluation of COUNT pictures of SIZE×SIZE
        prepare SIZE COUNT   the same, and what 20 of them share
        decode SIZE COUNT    latents to pixels
        text PROMPT          a prompt to text states
        learn SIZE COUNT     a step of `teach` from COUNT pictures of SIZE×SIZE, rank 8
        write SIZE FILE      the tensors of one step and one decoding
      """,
    shouldDisplay: false)

  @OptionGroup var engine: EngineOptions

  @Flag(help: "Load, take the first of 20 steps, say how long that took, and end.")
  var firstStep = false

  private struct Answer: Encodable {
    var seconds: Double
    /// Of all threads: what busy neighbours disturb least.
    var cpuSeconds: Double
    /// The most memory the process has had so far.
    var peakMegabytes: Double
    /// What `auto` is on this machine, for instance; said once.
    var precision: String?
    var cpu: String?
  }

  private struct Key: Hashable {
    let side: Int
    let count: Int
  }

  func run() throws {
    let start = ContinuousClock.now
    let folder = try ModelFolder(ModelLocator().locate(engine.model))
    let backend = try engine.makeBackend()
    let session = try TextToImage(folder, backend: backend).makeSession()
    if firstStep { return try timeFirstStep(session, since: start) }
    try answer(seconds(since: start), computing: backend)

    var parts: [Key: StepBenchmark] = [:]
    func part(_ words: [Substring]) throws -> StepBenchmark {
      guard words.count > 2, let side = Int(words[1]) else { throw ValidationError("\(words): expected a size and more") }
      let key = Key(side: side, count: Int(words[2]) ?? 1)
      if let known = parts[key] { return known }
      parts.removeAll()  // one at a time: the memory of large ones adds up
      let made = try StepBenchmark(session, size: PictureSize(width: side, height: side), count: key.count)
      parts[key] = made
      return made
    }
    var taught: [Key: TeachingBenchmark] = [:]
    func learning(_ words: [Substring]) throws -> TeachingBenchmark {
      guard words.count > 2, let side = Int(words[1]), let count = Int(words[2]) else {
        throw ValidationError("\(words): expected a size and a count")
      }
      let key = Key(side: side, count: count)
      let size = PictureSize(width: side, height: side)
      let made = try taught[key] ?? TeachingBenchmark(session, backend: backend, size: size, count: count)
      taught = [key: made]
      return made
    }
    while let line = readLine() {
      let words = line.split(separator: " ")
      let body: () throws -> Void
      switch words.first {
      case "step": let chosen = try part(words); body = { try chosen.step() }
      case "prepare": let chosen = try part(words); body = { try chosen.prepare() }
      case "decode": let chosen = try part(words); body = { try chosen.decode() }
      case "text":
        let chosen = try part(["text", "256", "1"])
        body = { try chosen.encode(words.dropFirst().joined(separator: " ")) }
      case "learn": let chosen = try learning(words); body = { try chosen.step() }
      case "write": let chosen = try part(words); body = { try chosen.writeCase(to: URL(fileURLWithPath: String(words[2]))) }
      default: throw ValidationError("\"\(line)\": expected step, prepare, decode, text, learn or write")
      }
      let before = usage()
      let began = ContinuousClock.now
      try body()
      try answer(seconds(since: began), before)
    }
  }

  private struct Done: Error {}

  private func timeFirstStep(_ session: DrawingSession, since start: ContinuousClock.Instant) throws {
    var request = GenerationRequest(size: session.model.folder.nativeSize)
    request.prompt = "a red fox in snow"
    request.steps = StepBenchmark.evaluations
    do {
      try session.draw([request]) { _ in throw Done() }
    } catch is Done {
      try answer(seconds(since: start))
    }
  }

  private func usage() -> rusage {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage
  }

  private func answer(_ seconds: Double, _ before: rusage = rusage(), computing backend: Backend? = nil) throws {
    let after = usage()
    let spent = { (usage: rusage) in
      Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + 1e-6 * Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
    }
    let json = try JSONEncoder().encode(
      Answer(
        seconds: seconds, cpuSeconds: spent(after) - spent(before), peakMegabytes: Double(after.ru_maxrss) / 1024,
        precision: backend?.precision.rawValue, cpu: backend?.cpuLevel))
    Terminal.print(String(decoding: json, as: UTF8.self))
  }
}
