import ArgumentParser
import DiTArguments
import DiTBatch
import DiTErrors
import DiTFiles
import DiTModels
import DiTTeaching
import DiTTensors
import DiTTextToImage
import Foundation

struct Teach: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "teach",
    abstract: "Teach the model what is on your pictures.",
    discussion: """
      Examples:
        dit-t2i teach my-penguin pictures/            a few minutes, and then:
        dit-t2i "my penguin in the forest"
        dit-t2i teach dots drawings/ --style          then: dit-t2i "a dog, dots style"
        dit-t2i teach my-penguin pictures/ --minutes 5

      Captions come from NAME.txt beside a picture, from metadata.jsonl or metadata.csv in the folder (file_name, text), \
      or from file names that are words. Started again, it goes on where it stopped. docs/TEACHING.md says which \
      pictures are good.
      """)

  @Argument(help: ArgumentHelp("What the result is called: my-penguin.", valueName: "name"))
  var name: String

  @Argument(
    help: ArgumentHelp("A folder of pictures (PNG, JPEG, WebP), or pictures.", valueName: "pictures"), completion: .directory)
  var pictures: [String]

  @Option(help: ArgumentHelp("What prompts call it. (default: the name: my penguin)", valueName: "words"))
  var word: String?

  @Option(
    name: .customLong("class"),
    help: ArgumentHelp("What the pictures show, to a model that reads no words.", valueName: "name|index"),
    completion: .custom { _, _, _ in Completion.classes })
  var className: String?

  @Flag(help: "Teach a style rather than a thing.")
  var style = false

  @Option(help: ArgumentHelp("What pictures show that have no caption.", valueName: "words"))
  var caption: String?

  @Option(
    help: ArgumentHelp("Time to take, in place of --samples.", valueName: "minutes"),
    transform: Reading.number(TeachingOrder.times))
  var minutes: Double?

  @Option(
    help: ArgumentHelp("How many samples to learn from. (default: by the number of pictures, 900 and more)", valueName: "number"),
    transform: Reading.whole(TeachingOrder.sampleCounts))
  var samples: Int?

  @Option(
    help: ArgumentHelp("The adapter's size. (default: 8)", valueName: "number"), transform: Reading.whole(TeachingOrder.ranks))
  var rank = 8

  @Option(
    help: ArgumentHelp("The largest learning rate. (default: 0.001)", valueName: "number"),
    transform: Reading.number(TeachingOrder.rates))
  var rate = 1e-3

  @Option(help: ArgumentHelp("Another seed learns in another order. (default: 0)", valueName: "number"), transform: Seeds.read)
  var seed: Seeds?

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "File to write, or a folder to write into. (default: where prompts find it, ~/.local/share/dit-t2i/adapters)",
      valueName: "path"),
    completion: .file(), transform: Reading.path)
  var output: String?

  @Flag(help: "Keep the folder NAME.teaching with the lessons and the sheets.")
  var keep = false

  @Option(
    name: .shortAndLong, help: ArgumentHelp("A model's name or folder.", valueName: "path"),
    completion: .custom { _, _, prefix in Completion.models(prefix) }, transform: Reading.path)
  var model: String?

  @Option(
    help: ArgumentHelp("Numbers to compute in: auto, f32 or bf16. (default: auto)", valueName: "name"),
    completion: .list(["auto", "f32", "bf16"]),
    transform: Reading.value("auto, f32 or bf16") { ["auto", "f32", "bf16"].contains($0) ? Precision(rawValue: $0) : nil })
  var precision = Precision.auto

  @Option(
    help: ArgumentHelp("Threads to use; the result does not depend on it.", valueName: "count"),
    transform: Reading.whole(1...256))
  var threads: Int?

  @Flag(name: .shortAndLong, help: "Print only the file names.")
  var quiet = false

  func validate() throws {
    if minutes != nil, samples != nil { throw ValidationError("--minutes and --samples: give one of them") }
    if output == "-" { throw ValidationError("--output -: name a file or a folder") }
  }

  func run() throws {
    var order = try TeachingOrder(name: name, word: word, isStyle: style)
    (order.rank, order.rate, order.seed) = (rank, rate, try seed?.only() ?? 0)
    (order.samples, order.minutes) = (samples, minutes)
    let target = try place(of: order)
    let folder = try ModelFolder(ModelLocator().locate(model))
    order.wording.classIndex = try className.map(folder.classIndex)
    let taught = try TaughtPictures(
      pictures.map { URL(fileURLWithPath: $0) },
      captions: CaptionSources(forAll: caption, unknown: TeachingOrder.unknownWords(of: folder)))
    let backend = try Backend(.native, precision: precision, threads: threads)
    let run = try order.makeRun(taught, model: folder, backend: backend, target: target)
    if !quiet { note(taught, order, folder) }
    try show(run, target)
  }

  /// The adapter's file. One that is there is replaced only where the user named it.
  private func place(of order: TeachingOrder) throws -> URL {
    let isInside = output.map { $0.hasSuffix("/") || isFolder(URL(fileURLWithPath: $0)) } ?? true
    let folder = output.map { URL(fileURLWithPath: $0) } ?? TaughtAdapters.folder
    let target = isInside ? order.target(in: folder) : folder
    guard target.pathExtension == "safetensors" else {
      throw ValidationError("--output \(output ?? ""): the result is a .safetensors file; call it so, or name a folder")
    }
    guard !isInside || !TeachingOrder.isTaken(target) else {
      throw FileError.unwritable(
        path: target.path, reason: "it was taught before; remove it, choose another name, or say --output \(target.path)")
    }
    try FileManager.default.createDirectory(at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
    return target
  }

  private func note(_ taught: TaughtPictures, _ order: TeachingOrder, _ folder: ModelFolder) {
    for line in order.notes(on: taught, folder, option: "--word") { complain("note: \(line)") }
    if let index = order.wording.classIndex {
      return complain("\(counted(taught.items.count, "picture")); draw it by --lora \(order.name) --class \(index)")
    }
    let captioned = taught.items.count { $0.caption != nil }
    complain(
      "\(counted(taught.items.count, "picture")), \(counted(captioned, "caption")); the word is \(listed([order.wording.word]))")
  }

  private func show(_ run: TeachingRun, _ target: URL) throws {
    let progress = ProgressBar(quiet: quiet)
    let start = ContinuousClock.now
    let (result, signal) = try Interruption.ending { isEnded in
      try run.run(keepsFolder: keep, isStopped: isEnded) { event in
        switch event {
        case .note(let text):
          progress.clear()
          if !quiet { complain("note: \(text)") }
        case .preparing(let part, let what): progress.note("preparing: \(what), \(Int(part * 100)) %")
        case .learnt(let samples, let count, let loss):
          let text = String(format: "  loss %.4f", loss)
          guard let count else { return progress.note("\(samples) samples\(text)") }
          progress.show(Double(samples) / Double(count), "\(samples)/\(count)\(text)")
        case .drawing: progress.note("drawing a sheet")
        case .sheet(let url):
          progress.clear()
          if !quiet { complain("sheet: \(url.relativePath)") }
        }
      }
    }
    progress.clear()
    guard let result else {
      complain("interrupted; the same command goes on where this one was")
      throw ExitCode(128 + signal)
    }
    if !quiet {
      let sum = "\(counted(result.samples, "sample")) in \(duration(seconds(since: start)))"
      complain("\(sum), loss \(String(format: "%.4f", result.loss))")
      if let unseen = result.unseen { complain(unseen.words) }
    }
    Terminal.print(result.adapter.path)
    Terminal.print(result.report.path)
  }
}
