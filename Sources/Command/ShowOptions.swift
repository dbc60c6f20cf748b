import ArgumentParser
import DiTArguments
import DiTImage
import DiTModels
import DiTStudy
import DiTTextToImage
import Foundation

/// What else to show of a drawing beside the picture.
struct ShowOptions: ParsableArguments {
  @Flag(help: "Also write the steps of the picture, as a strip and as an animation.")
  var strip = false

  @Flag(help: "Also write where the picture looked for each word of the prompt, as a sheet of heat maps.")
  var attention = false

  @Option(help: ArgumentHelp("Blocks that --attention averages, from 0. (default: all)", valueName: "0,3-5"),
    transform: Reading.value("numbers of blocks, 0,3-5 for instance") { BlockSelection($0) })
  var attentionBlocks: BlockSelection?

  @Flag(help: "Show the picture in the terminal while it forms.")
  var preview = false

  var writesSheets: Bool { strip || attention }

  func validate() throws {
    if attentionBlocks != nil, !attention { throw ValidationError("--attention-blocks belongs to --attention") }
  }

  func check(_ folder: ModelFolder, _ request: GenerationRequest) throws {
    guard attention else { return }
    guard WeightedPrompt.plain(request.prompt).contains(where: { !$0.isWhitespace }) else {
      throw ValidationError("--attention shows where the picture looked for each word, and there are none: give a prompt")
    }
    guard folder.text != nil else { throw ValidationError("--attention: \(folder.name) reads no words") }
    if !folder.traits.recordsAttention {
      throw ValidationError("--attention: \(folder.name) reads words among the patches, not by cross-attention")
    }
    let depth = folder.transformer.blockCount
    if let block = attentionBlocks?.blocks.max(), block >= depth {
      throw ValidationError("--attention-blocks: no block \(block); \(folder.name) has 0 to \(depth - 1)")
    }
  }

  /// Writes the sheets asked for beside the picture, in its format and with its texts.
  /// - Returns: their files.
  func write(
    _ record: DrawingRecord, of drawn: GeneratedPicture, _ model: TextToImage, beside file: String, texts: [PNGText],
    quality: Int?
  ) throws -> [String] {
    let (stem, ending) = OutputNames.split(file)
    let quality = quality ?? PictureFormat.defaultQuality
    var files: [String] = []
    func add(_ name: String, _ write: (URL) throws -> Void) throws {
      files.append(stem + name)
      try write(URL(fileURLWithPath: stem + name))
    }
    if strip {
      let (sheet, animation) = try record.strip(model, final: drawn)
      try add("-steps" + ending) { try sheet.drawn().write(to: $0, texts: texts, quality: quality) }
      // JPEG has no animations.
      let isWebP = PictureFormat(ending: String(ending.dropFirst())) == .webp
      try add("-animation" + (isWebP ? ending : ".png")) { try animation.write(to: $0, texts: texts, quality: quality) }
    }
    if attention, let words = try record.wordAttention(model, drawn.request, blocks: attentionBlocks?.blocks) {
      try add("-attention" + ending) {
        try words.sheet(over: drawn.picture).drawn().write(to: $0, texts: texts, quality: quality)
      }
    }
    return files
  }
}

/// "0,3-5": blocks of a transformer.
struct BlockSelection {
  let blocks: Set<Int>

  init?(_ argument: String) {
    var blocks: Set<Int> = []
    for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
      guard let first = ends[0], let last = ends[ends.count - 1], ends.count <= 2, first >= 0, first <= last,
        last < 1000
      else { return nil }
      blocks.formUnion(first...last)
    }
    self.blocks = blocks
  }
}
