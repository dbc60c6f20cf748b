import ArgumentParser
import DiTArguments
import DiTBatch
import DiTModels
import DiTTextToImage
import Foundation

/// The options of a line of a prompt file: those of a picture, what it starts from, its adapters, and how many.
struct LineOptions: ParsableArguments {
  @OptionGroup var picture: PictureOptions

  @OptionGroup var source: SourceOptions

  @Option(help: "A LoRA of this line, with a scale.", transform: Reading.path)
  var lora: [String] = []

  @Option(name: .shortAndLong, help: "How many pictures, with seeds counting up.", transform: Reading.whole(1...10_000))
  var count = 1

  func validate() throws { try picture.checkCount(count) }
}

/// Turns the lines of a prompt file into pictures to draw; options of the command line hold where a line says nothing.
struct LineReader {
  let defaults: (picture: PictureOptions, source: SourceOptions)
  let folder: ModelFolder
  private let adapters: LoRAShelf
  private let shelf = Shelf()

  /// Many lines start from the same picture: it is looked at once.
  private final class Shelf {
    var sources: [[String]: SourcePicture] = [:]
  }

  init(picture: PictureOptions, source: SourceOptions, folder: ModelFolder, adapters: LoRAShelf) {
    defaults = (picture, source)
    self.adapters = adapters
    self.folder = folder
  }

  /// - Parameter number: of the prompt, from 1.
  /// - Throws: ``PromptProblem``, the line and what is wrong with it.
  func order(_ line: PromptLine, number: Int, in place: URL) throws(PromptProblem) -> PictureOrder {
    do {
      var request = folder.defaultRequest
      try defaults.picture.apply(to: &request, folder)
      let options = try line.options.isEmpty ? LineOptions.parse([]) : LineOptions.parse(Spelling.ours(line.options))
      try options.picture.apply(to: &request, folder)
      request.prompt = line.prompt ?? ""
      request.adapters += try options.lora.map { text in
        let named = try NamedLoRA(text, in: adapters.folder, relativeTo: place)
        return try adapters.adapter(named.url, scale: named.scale ?? 1)
      }
      try adapters.takeAdapters(of: &request)
      guard line.prompt != nil || request.classIndex != nil else {
        throw ValidationError("neither a prompt nor a class (\"\" is the empty prompt)")
      }
      try applySource(options, to: &request, in: place)
      try folder.check(request)
      return PictureOrder(
        line: line.number, number: number, request: request, seeds: options.picture.seed?.values ?? [], count: options.count)
    } catch {
      throw PromptProblem(line: line.number, reason: LineReader.reason(of: error))
    }
  }

  /// Paths in a line begin at the prompt file's folder, so that it can be drawn from anywhere.
  private func applySource(_ options: LineOptions, to request: inout GenerationRequest, in place: URL) throws {
    var source = defaults.source
    if let image = options.source.image { source.image = URL(fileURLWithPath: image, relativeTo: place).path }
    if let mask = options.source.mask { source.mask = URL(fileURLWithPath: mask, relativeTo: place).path }
    source.strength = options.source.strength ?? source.strength
    let isSized = options.picture.isSized || defaults.picture.isSized
    try source.apply(to: &request, isSized: isSized) { image, mask, size in
      let key = [image.path, mask?.path ?? "", size?.description ?? ""]
      if let known = shelf.sources[key] { return known }
      let read = try SourcePicture(image, mask: mask, size: size ?? folder.onlySize, step: folder.sizeStep)
      shelf.sources[key] = read
      return read
    }
  }

  /// All lines that can be drawn, and what is wrong with the others, in the order of the file.
  func orders(_ file: PromptFile) -> (orders: [PictureOrder], problems: [PromptProblem]) {
    let unknown = Set(unknownColumns(file).compactMap(\.option).map { "--\($0)" })
    var orders: [PictureOrder] = []
    var problems = file.problems
    var badBefore = file.problems.map(\.line).sorted()[...]
    for (index, line) in file.lines.enumerated() {
      // A bad line has its number too: once it is mended, the others keep theirs.
      badBefore = badBefore.drop { $0 < line.number }
      let number = index + 1 + file.problems.count - badBefore.count
      let known = unknown.isEmpty ? line : line.without(unknown)
      do throws(PromptProblem) {
        orders.append(try order(known, number: number, in: file.folder))
      } catch {
        problems.append(error)
      }
    }
    return (orders, problems.sorted { $0.line < $1.line })
  }

  /// The fields of a table that say nothing about a picture: other programs have columns of their own.
  func unknownColumns(_ file: PromptFile) -> [(field: String, option: String?)] {
    file.columns.filter { column in
      guard let option = column.option else { return true }
      if ["prompt", "width", "height"].contains(option) { return false }
      do {
        _ = try LineOptions.parse(["--\(option)=0"])
        return false
      } catch {
        // A column called help or version is no option of a line either.
        return LineOptions.exitCode(for: error) == .success || LineReader.reason(of: error).hasPrefix("Unknown option")
      }
    }
  }

  /// The class that a line names.
  /// - Throws: ``BatchError/badLine(file:_:)``.
  static func className(of line: PromptLine, in file: PromptFile) throws -> String? {
    // Of a table, other columns are of no interest here.
    let isTable = file.format != .text
    let options = isTable ? line.options.filter { $0.hasPrefix("--class=") } : line.options
    do {
      return try LineOptions.parse(options).picture.className
    } catch {
      throw BatchError.badLine(file: file.name, PromptProblem(line: line.number, reason: reason(of: error)))
    }
  }

  private static func reason(of error: Error) -> String {
    if ExitStatus.code(of: error) != nil { return "\(error)" }
    guard LineOptions.exitCode(for: error) != .success else { return "--help and --version are not for a line" }
    return LineOptions.message(for: error)
  }
}
