import ArgumentParser
import DiTBatch
import DiTModels
import DiTTextToImage
import Foundation

/// The options of a line of a prompt file: those of a picture, what it starts from, and how many.
struct LineOptions: ParsableArguments {
  @OptionGroup var picture: PictureOptions

  @OptionGroup var source: SourceOptions

  @Option(name: .shortAndLong, help: "How many pictures, with seeds counting up.", transform: Reading.whole(1...10_000))
  var count = 1

  func validate() throws { try picture.checkCount(count) }
}

/// Turns the lines of a prompt file into pictures to draw; options of the command line hold where a line says nothing.
struct LineReader {
  let defaults: (picture: PictureOptions, source: SourceOptions)
  let folder: ModelFolder
  private let shelf = Shelf()

  /// Many lines start from the same picture: it is looked at once.
  private final class Shelf {
    var sources: [[String]: SourcePicture] = [:]
  }

  init(picture: PictureOptions, source: SourceOptions, folder: ModelFolder) {
    defaults = (picture, source)
    self.folder = folder
  }

  /// - Throws: ``PromptProblem``, the line and what is wrong with it.
  func order(_ line: PromptLine, in place: URL) throws(PromptProblem) -> PictureOrder {
    do {
      var request = folder.defaultRequest
      try defaults.picture.apply(to: &request, folder)
      let options = try line.options.isEmpty ? LineOptions.parse([]) : LineOptions.parse(Spelling.ours(line.options))
      try options.picture.apply(to: &request, folder)
      request.prompt = line.prompt ?? ""
      guard line.prompt != nil || request.classIndex != nil else {
        throw ValidationError("neither a prompt nor a class (\"\" is the empty prompt)")
      }
      try applySource(options, to: &request, in: place)
      try folder.check(request)
      return PictureOrder(line: line.number, request: request, seeds: options.picture.seed?.values ?? [], count: options.count)
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
      let read = try SourcePicture(image, mask: mask, size: size, step: folder.sizeStep)
      shelf.sources[key] = read
      return read
    }
  }

  /// All lines that can be drawn, and what is wrong with the others, in the order of the file.
  func orders(_ file: PromptFile) -> (orders: [PictureOrder], problems: [PromptProblem]) {
    if let header = file.header, let reason = unknownColumn(header) {
      return ([], [PromptProblem(line: header.number, reason: reason)])
    }
    var orders: [PictureOrder] = []
    var problems = file.problems
    for line in file.lines {
      do throws(PromptProblem) { orders.append(try order(line, in: file.folder)) } catch { problems.append(error) }
    }
    return (orders, problems.sorted { $0.line < $1.line })
  }

  /// A column that is no option makes every line bad: it is said once.
  private func unknownColumn(_ header: PromptLine) -> String? {
    for column in header.options {
      do {
        _ = try LineOptions.parse(["--\(column.replacing("_", with: "-"))=0"])
      } catch {
        let reason = LineReader.reason(of: error)
        if reason.hasPrefix("Unknown option") { return reason.replacing("option", with: "column", maxReplacements: 1) }
      }
    }
    return nil
  }

  private static func reason(of error: Error) -> String {
    if ExitStatus.code(of: error) != nil { return "\(error)" }
    guard LineOptions.exitCode(for: error) != .success else { return "--help and --version are not for a line" }
    return LineOptions.message(for: error)
  }
}
