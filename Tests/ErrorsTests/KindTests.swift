import DiTAutoencoder
import DiTBatch
import DiTCheckpoints
import DiTDiffusion
import DiTErrors
import DiTFiles
import DiTImage
import DiTModels
import DiTStudy
import DiTTeaching
import DiTTensors
import DiTText
import DiTTextToImage
import DiTTransformer
import Testing

/// Which kind every error is: the program's exit codes are documented, and follow from it.
@Suite struct KindTests {
  private static let size = PictureSize(width: 64, height: 64)
  private static let grid = Grid(height: 1, width: 1)

  static let errors: [UserErrorKind: [any UserError]] = [
    .usage: [
      RequestError.size(size, nearest: size, step: 16), RequestError.steps(0), RequestError.guidance(-1),
      RequestError.guidanceInterval(0...1), RequestError.guidanceParallel(2), RequestError.promptTooLong(1),
      RequestError.cacheThreshold(2), RequestError.guidanceEvery(0), RequestError.cacheSteps(8), RequestError.noCacheThreshold(""),
      RequestError.source(size, wanted: size), RequestError.unequal, RequestError.count(0), RequestError.notFinite,
      DiffusionError.unknownSampler("", known: []), DiffusionError.steps(0, limit: 1),
      DiffusionError.respacing("", reason: ""), DiffusionError.setting(""), DiffusionError.schedule(""),
      BlueprintError.unknown(""), BlueprintError.latents(1, patch: 2), BlueprintError.rounds(0),
      ComparisonError.notOurs(""), ComparisonError.seeds(0), ComparisonError.unlike,
      WeightError.nested, WeightError.range(""),
      SourceError.mask(path: "", 1, 1, 2, 1), SourceError.strength(0), SourceError.noImage(""),
      ImageError.size(width: 0, height: 0), ImageError.misfit(reason: ""), ImageError.ending(path: ""),
      RecipeError.needs(path: "", option: "", name: nil, hash: ""), RecipeError.sampler(path: "", name: ""),
      UViTError.grid(grid, native: grid), BackendError.shape(""), BackendError.unknownCPU(""),
      ModelError.noAutoencoder(path: ""), ModelError.noTextEncoder(path: ""), ModelError.noClasses(""),
      ModelError.noSuchClass("", suggestion: nil, count: 1), ModelError.unnamedClasses(""), ModelError.noText(""),
      ModelError.noTokenizer(path: "", names: []), ModelError.noBaseSize(path: "", reason: ""),
      ModelError.ambiguousClass("", indices: []),
      BatchError.shard(""), BatchError.template(""),
      LoRAUseError.scale("", 0), LoRAUseError.tag(""), LoRAUseError.noName(""), LoRAUseError.noFolder(""),
      TeachingError.name(""), TeachingError.word(""), TeachingError.noText(""), TeachingError.notFinite(sample: 0),
      TeachingError.otherSettings(path: "", changed: []),
    ],
    .damagedData: [
      SourceError.changed(path: ""),
      BatchError.nothingToCompare(file: ""), BatchError.badLine(file: "", PromptProblem(line: 1, reason: "")),
      TokenizerError.unreadable(path: "", reason: ""), TokenizerError.notSentencePiece(path: "", reason: ""),
      TokenizerError.noEndToken(path: ""), TokenizerError.notUnigram(path: "", reason: ""),
      TokenizerError.notBytePairs(path: "", reason: ""),
      ConfigurationError.wrong(file: "", reason: ""),
      AutoencoderError.noEncoder, AutoencoderError.unknown(path: "", found: ""),
      AutoencoderError.decoderMissing(path: "", expected: ""), AutoencoderError.scalingUnknown(path: "", channels: 4),
      ModelError.unsupported(path: "", found: ""), ModelError.notATransformer(path: "", what: ""),
      ModelError.missingPart(path: "", part: ""),
      LoadError.malformed(file: "", reason: ""), LoadError.refused(file: "", object: ""),
      LoadError.missing(file: "", tensor: "a"), LoadError.wrongShape(file: "", tensor: "a", expected: "", found: ""),
      LoadError.wrongType(file: "", tensor: "a", expected: "", found: ""),
      LoadError.wrongNames(file: "", missing: [], unexpected: []),
      ImageError.unreadable(source: "", reason: ""),
      RecipeError.none(path: ""), RecipeError.field(path: "", name: ""), RecipeError.tooLong(path: ""),
      BatchError.badLines(file: "", bad: 1, of: 1), BatchError.nothingToDraw(file: ""),
      BatchError.tooMany(file: "", pictures: 1, limit: 1), BatchError.incomplete(folder: "", reason: ""),
      TeachingError.tooMany(path: "", pictures: 1, limit: 1), TeachingError.transparent(path: ""),
      TeachingError.tooSmall(path: "", width: 1, height: 1, least: 16), TeachingError.caption(path: "", reason: ""),
      TeachingError.damaged(path: "", reason: ""),
    ],
    .notFound: [
      LoRAUseError.notFound("", folder: "", there: []), TeachingError.noPictures(""),
      ConfigurationError.missing(file: ""), ConfigurationError.noFolder(path: ""),
      ConfigurationError.unreadable(file: "", reason: ""),
      BackendError.openBLASMissing,
      RecipeError.gone(path: "", part: "", option: ""), RecipeError.model(path: "", name: ""),
      ModelError.notFound(name: "", looked: []), ModelError.noModels(looked: []),
      ModelError.severalSnapshots(path: "", names: []),
      LoadError.unreadable(file: "", reason: ""), FileError.unreadable(path: "", reason: ""),
      BatchError.unreadable(path: "", reason: ""),
    ],
    .cannotWrite: [
      LoadError.unwritable(file: "", reason: ""), ConversionError.exists(path: ""),
      ConversionError.cannotCreate(path: "", reason: ""),
      FileError.unwritable(path: "", reason: ""), FileError.exists(path: ""), ImageError.unwritable(reason: ""),
      BatchError.locked(path: ""), BatchError.foreign(path: ""), BatchError.unwritable(path: "", reason: ""),
      TeachingError.locked(path: ""), TeachingError.foreign(path: ""),
    ],
    .outOfMemory: [
      BackendError.outOfMemory(""), FileError.outOfMemory(path: ""), TokenizerError.outOfMemory, ImageError.outOfMemory,
    ],
  ]

  @Test(arguments: UserErrorKind.allCases)
  func everyErrorIsOfItsKind(_ kind: UserErrorKind) throws {
    for error in try #require(KindTests.errors[kind]) {
      #expect(error.kind == kind, "\(type(of: error)): \(error)")
      #expect(!error.description.contains("\n"))
      // Who knows an `Error` alone sees the same line, but for the names of what to do.
      let localized = (error as any Error).localizedDescription
      if !(error is any WordedError) { #expect(localized == error.description) }
    }
  }

  /// The command line's words are for those who typed a command.
  @Test func theLibrarySpeaksOfNoOptions() {
    let isOfTheProgram = { (error: any UserError) in
      ["DiTBatch.", "DiTStudy."].contains { String(reflecting: type(of: error)).hasPrefix($0) }
    }
    for error in KindTests.errors.values.joined() where !isOfTheProgram(error) {
      let line = (error as any Error).localizedDescription
      #expect(!line.contains("--") && !line.contains("dit-t2i") && !line.contains("\n"), "\(type(of: error)): \(line)")
    }
    let error: any Error = ModelError.noAutoencoder(path: "dit.pt")
    #expect(error.localizedDescription.hasSuffix("name the autoencoder too, in ModelOptions.autoencoder"))
    #expect("\(error)".hasSuffix("name the autoencoder too, with --vae FOLDER or FILE"))
    #expect(
      (ModelError.notFound(name: "x", looked: ["/a"]) as any Error).localizedDescription
        == "no model \"x\": no such file or folder, and not in /a")
  }
}
