import ArgumentParser
import DiTArguments
import DiTAutoencoder
import DiTDiffusion
import DiTErrors
import DiTModels
import DiTTensors
import DiTTextToImage
import DiTTransformer
import Foundation

/// Parts of a model that lie elsewhere, what is merged into it, and how to read it.
struct PartOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A LoRA to merge into the model, with a scale: fox.safetensors:0.8. May be given several times.",
      valueName: "path[:scale]"),
    completion: .file(), transform: Reading.path)
  var lora: [String] = []

  @Option(
    help: ArgumentHelp(
      "Where the LoRAs lie that a prompt names: \"a fox <lora:pixel:0.8>\". (default: $DIT_T2I_LORA_FOLDER)",
      valueName: "dir"),
    completion: .directory, transform: Reading.path)
  var loraFolder: String?

  @Flag(name: .customLong("no-lora"), help: "Draw without the LoRAs whose word a prompt has (dit-t2i teach).")
  var noLora = false

  @Option(help: ArgumentHelp("An autoencoder in place of the model's own: a folder or file.", valueName: "path"),
    completion: .file(), transform: Reading.path)
  var vae: String?

  @Option(help: ArgumentHelp("A text encoder (T5; CLIP for U-ViT and UniDiffuser), for weights without.", valueName: "path"),
    completion: .file(), transform: Reading.path)
  var textEncoder: String?

  @Option(
    help: ArgumentHelp("A tokenizer (spiece.model, vocab.json, tokenizer.json), if not beside it.", valueName: "path"),
    completion: .file(), transform: Reading.path)
  var tokenizer: String?

  @Option(
    help: ArgumentHelp("A UniDiffuser's caption_decoder.pth, if not beside it.", valueName: "path"), completion: .file(),
    transform: Reading.path)
  var captionDecoder: String?

  @Option(
    help: ArgumentHelp("A folder with GPT-2's vocab.json, of which a UniDiffuser's captions are made.", valueName: "dir"),
    completion: .directory, transform: Reading.path)
  var captionTokenizer: String?

  @Option(
    help: ArgumentHelp("A CLIP's folder, by which a UniDiffuser reads pictures.", valueName: "dir"), completion: .directory,
    transform: Reading.path)
  var imageEncoder: String?

  @Option(
    help: ArgumentHelp("Pixels of the size that a model was trained at, for a file that does not say.", valueName: "pixels"),
    transform: Reading.whole(64...4096))
  var baseSize: Int?

  @Option(
    help: ArgumentHelp(
      "Whose arithmetic a class-conditional DiT or a UniDiffuser follows: official or diffusers. "
        + "(default: its file's own; UniDiffuser's is official)",
      valueName: "name"),
    completion: .list(DiTCompatibility.allCases.map(\.rawValue)), transform: Reading.choice(DiTCompatibility.self))
  var ditCompat: DiTCompatibility?

  /// - Parameters:
  ///   - recipe: of a picture, which has adapters of its own.
  ///   - model: the picture's.
  func options(_ recipe: Recipe = Recipe(), model: URL? = nil) throws -> ModelOptions {
    var options = ModelOptions(
      autoencoder: vae.map { URL(fileURLWithPath: $0) }, textEncoder: textEncoder.map { URL(fileURLWithPath: $0) },
      compatibility: ditCompat,
      adapters: try recipe.adapters(lora.map { try NamedLoRA($0, in: adapters) }, in: adapters, model: model))
    options.tokenizer = tokenizer.map { URL(fileURLWithPath: $0) }
    let url = { (path: String?) in path.map { URL(fileURLWithPath: $0) } }
    (options.captionDecoder, options.captionTokenizer) = (url(captionDecoder), url(captionTokenizer))
    (options.imageEncoder, options.baseSize) = (url(imageEncoder), baseSize)
    return options
  }

  /// The folder of adapters, and of those that were taught.
  var adapters: LoRAFolder? { LoRAFolder(loraFolder, taught: TaughtAdapters.folder) }
}

/// Which model, and how it is computed.
struct EngineOptions: ParsableArguments {
  @Option(
    name: .shortAndLong, help: ArgumentHelp("A model's name, folder or file of weights.", valueName: "path"),
    completion: .custom { _, _, prefix in Completion.models(prefix) }, transform: Reading.path)
  var model: String?

  @OptionGroup var parts: PartOptions

  @Option(help: ArgumentHelp("Keep encoded prompts here, for text encoders that take long.", valueName: "dir"),
    completion: .directory, transform: Reading.path)
  var textCache: String?

  @Option(help: ArgumentHelp(
    "Decode in tiles this wide, for less memory. (default: only above 1024×1024)", valueName: "pixels"),
    transform: Reading.whole(64...65_536))
  var vaeTile: Int?

  @Option(
    help: ArgumentHelp("Numbers to compute in: auto, f32, bf16, int12 or int8. (default: auto)", valueName: "name"),
    completion: .list(Precision.allCases.map(\.rawValue)), transform: Reading.choice(Precision.self))
  var precision: Precision?

  @Option(
    help: ArgumentHelp("What computes: native, openblas (float32) or reference (slow).", valueName: "name"),
    completion: .list(Backend.Kind.allCases.map(\.rawValue)), transform: Reading.choice(Backend.Kind.self))
  var backend: Backend.Kind?

  @Option(
    help: ArgumentHelp("Threads to use; the picture does not depend on it.", valueName: "count"),
    transform: Reading.whole(1...256))
  var threads: Int?

  func validate() throws {
    if backend == .openblas, let precision, precision != .auto && precision != .f32 {
      throw ValidationError("--backend openblas computes in float32: leave --precision out")
    }
  }

  /// The model, described but not loaded.
  /// - Parameters:
  ///   - recipe: of a picture, which says what the options do not.
  ///   - quiet: say nothing of what was assumed about it.
  ///   - purpose: which of its parts are needed.
  func openModel(
    _ recipe: Recipe = Recipe(), quiet: Bool = false, for purpose: ModelPurpose = .pictures
  ) throws -> ModelFolder {
    let place = try recipe.locateModel(named: model)
    var options = try parts.options(recipe, model: place)
    if let vaeTile { options.tiling = .side(vaeTile) }
    let folder = try ModelFolder(place, options: recipe.completing(options, named: model), for: purpose)
    if !quiet { folder.complainOfNotes() }
    return folder
  }

  /// The model, loaded and ready to draw.
  /// - Parameters:
  ///   - requests: what is drawn: with the adapters of the first the transformer is loaded.
  ///   - quiet: says nothing of settings in adapters' files that mean nothing here.
  func load(
    _ folder: ModelFolder, _ backend: Backend, _ requests: [GenerationRequest] = [], quiet: Bool = false
  ) throws -> DrawingSession {
    var seen: Set<URL> = []
    for adapter in folder.options.adapters + requests.flatMap(\.adapters) where !quiet && seen.insert(adapter.url).inserted {
      for note in adapter.notes { complain("note: \(adapter.url.relativePath): \(note)") }
    }
    return try TextToImage(folder, backend: backend, adapters: requests.first?.adapters ?? [])
      .makeSession(textCache: textCache.map { URL(fileURLWithPath: $0) })
  }

  /// What opens the adapters that prompts name.
  /// - Parameters:
  ///   - quiet: says nothing of those that are used for their words.
  ///   - usingWords: false where a picture is drawn as it was before.
  func adapterShelf(_ folder: ModelFolder, quiet: Bool, usingWords: Bool = true) -> LoRAShelf {
    LoRAShelf(parts.adapters, for: folder, taught: usingWords && !parts.noLora ? TaughtAdapters() : nil) { use in
      guard !quiet else { return }
      complain("note: \(use.note(folder, without: "--no-lora", anew: "teach it anew with --model \(folder.name)"))")
    }
  }

  /// What the pictures of a run say about themselves.
  func metadata(_ folder: ModelFolder, _ backend: Backend) throws -> PictureMetadata {
    try PictureMetadata(folder, backend: backend, version: programVersion)
  }

  func makeBackend(precision stored: Precision? = nil, kind: Backend.Kind? = nil) throws -> Backend {
    try Backend(backend ?? kind ?? .native, precision: precision ?? stored ?? .auto, threads: threads)
  }
}

extension ModelFolder {
  /// Says what was assumed about the model.
  func complainOfNotes() {
    for note in notes { complain("note: \(note)") }
  }

  /// Says what drawing at the model's own size means, where that is asked for.
  func complainOfSize(_ requests: [GenerationRequest]) {
    guard let note = usualSizeNote, requests.contains(where: { $0.size == usualSize }) else { return }
    complain("note: \(note)")
  }
}
