import DiTCheckpoints
import DiTDiffusion
import DiTTensors

/// A kind of transformer that this program runs. A new one is a folder beside `DiT`, `PixArt`, `Sana` and `UViT`, and a line in
/// ``ModelFamilies``.
package protocol ModelFamily: SendableMetatype {
  /// As the list of what runs names it: "PixArt-α and -Σ".
  static var title: String { get }

  /// What a `config.json` describes; nil where its class is another family's.
  /// - Throws: ``ConfigurationError`` naming the file and the field.
  static func configuration(_ file: ConfigurationFile, _ hints: ModelHints) throws -> (any TransformerConfiguration)?

  /// How files of weights without a configuration are told by their tensors: the family's own names, diffusers', …
  static var layouts: [CheckpointLayout] { get }

  /// How the folders of its pipelines call what others call otherwise.
  static var folder: FolderNames { get }
}

extension ModelFamily {
  package static var folder: FolderNames { FolderNames() }
}

/// Names of a model folder's parts.
package struct FolderNames: Sendable {
  /// The pipeline classes that have them; none: all others, which may be nobody's here.
  package let pipelines: Set<String>
  package let transformer, tokenizer: String

  package init(pipelines: Set<String> = [], transformer: String = "transformer", tokenizer: String = "tokenizer") {
    (self.pipelines, self.transformer, self.tokenizer) = (pipelines, transformer, tokenizer)
  }
}

/// The families, in the order in which a file is tried.
package enum ModelFamilies {
  package static let all: [any ModelFamily.Type] = [
    // SANA's files have all that PixArt's are told by.
    DiTFamily.self, SanaFamily.self, PixArtFamily.self, UniDiffuserFamily.self, UViTFamily.self,
  ]

  /// - Throws: ``ConfigurationError``; nil where no family knows the class.
  package static func configuration(
    _ file: ConfigurationFile, _ hints: ModelHints
  ) throws -> (any TransformerConfiguration)? {
    for family in all {
      if let found = try family.configuration(file, hints) { return found }
    }
    return nil
  }

  /// How the folder of a pipeline class names its parts.
  package static func folder(ofPipeline name: String?) -> FolderNames {
    all.map { $0.folder }.first { folder in name.map(folder.pipelines.contains) ?? false } ?? FolderNames()
  }

  /// The layout whose tensors a checkpoint has, and those by their own names, without what a program put before them.
  package static func layout(of checkpoint: Checkpoint) -> (layout: CheckpointLayout, tensors: Checkpoint)? {
    all.lazy.flatMap { $0.layouts }.compactMap { layout in checkpoint.below(layout.marks).map { (layout, $0) } }.first
  }
}

/// Names and shapes by which a file of weights is told, and what they say of its sizes.
package struct CheckpointLayout: Sendable {
  /// "a class-conditional DiT in diffusers' names".
  package let title: String
  /// Tensors that such a file has and no other.
  package let marks: [String]
  /// Reads the sizes; throws `LoadError` for shapes that make no sense.
  package let configuration: @Sendable (TensorShapes, ModelHints) throws -> any TransformerConfiguration
}

/// What a model's other files, or its user, say about the transformer.
package struct ModelHints {
  /// Whose arithmetic a class-conditional DiT or a UniDiffuser follows; nil: that of the program that wrote it, or of its authors.
  package var compatibility: DiTCompatibility?
  /// `_class_name` of `model_index.json`.
  package var pipelineName: String?
  /// `scaling_factor` of the model's autoencoder, looked up where it is asked for.
  package var latentScale: () throws -> Double? = { nil }
  /// `model_max_length` of the model's tokenizer, likewise.
  package var maximumTokens: () throws -> Double? = { nil }
  /// What the file, its folder, or the repository that it is from is called.
  package var names: [String] = []

  package init(compatibility: DiTCompatibility? = nil) { self.compatibility = compatibility }
}

/// What a transformer is and how it is used, told without its numbers.
package protocol TransformerConfiguration: Sendable {
  var patchSize: Int { get }
  var latentChannels: Int { get }
  /// The native latent size [height, width].
  var latentSize: [Int] { get }
  /// Classes that can be asked for, the null class not counted; 0: it knows none.
  var askableClasses: Int { get }
  /// Width of the text states it reads; nil: no text.
  var textSize: Int? { get }
  /// Blocks.
  var blockCount: Int { get }
  var hiddenSize: Int { get }
  var traits: TransformerTraits { get throws }
  /// How what is drawn lies in a sampler's state.
  /// - Parameter latents: [C, h, w] of the picture.
  func form(drawing: [Modality], latents: [Int]) -> DrawnForm
  /// A `config.json` that is read back as this.
  var fields: JSONValue { get }
  /// Whether the native size is a guess, because the file does not tell it.
  var isSizeAssumed: Bool { get }
  /// The same model, trained at a native size of `side` latents both ways; nil where its files leave no doubt of it.
  func trained(at side: Int) -> (any TransformerConfiguration)?

  /// The network. This is its one declaration: loading, shapes, costs and random weights come from it.
  func network(_ parameters: Parameters) throws -> any DiffusionTransformer
  /// Under which names a checkpoint holds it.
  func names(in checkpoint: Checkpoint) -> ParameterNames
  /// All names that programs have for its parameters, by which adapters are read.
  var namings: [ParameterNames] { get }
}

/// How models of a family are used where nobody says otherwise.
package struct TransformerTraits: Sendable {
  /// The pipeline class that `model_index.json` names.
  package var pipelineName: String
  package var sampling = SamplingDefaults()
  /// Weights of words move their states, because the words are among the patches; elsewhere they are those of
  /// cross-attention.
  package var weighsStates = false
  /// Words are read by cross-attention, of which maps can be made.
  package var recordsAttention = true
  /// Stored positions allow the native size alone.
  package var drawsNativeSizeOnly = false
  /// Pictures are drawn at the sizes of training, and scaled and cut to the wanted one.
  package var hasAspectBins = false
  /// It draws words too, and reads them through the caption decoder that it comes with.
  package var drawsWords = false
  /// Where there are no words, it is not told of them: they are not those of an empty prompt.
  package var leavesEmptyTextOut = false
  /// It is told the scale of guidance, and drawn in one branch.
  package var embedsGuidance = false
  /// Its text encoder is read for each new prompt and released after it, because it is large beside what a step takes.
  package var releasesEncoder = false
  /// Noise that stands for what is unknown is drawn once for a run, where nothing else is given.
  package var keepsUnknownNoise = false
  /// Trained on lower-case captions without space around them.
  package var lowercasesPrompts = false
  /// Longest prompt in tokens, where the family knows better than the tokenizer.
  package var maximumTokens: Int?
  /// A name by which alone it is told from others; a folder that is written of it says so in `_name_or_path`.
  package var tellingName: String?
  /// Classes of schedulers in its folders that say how it was trained, and not how it draws.
  package var trainingSchedulers: Set<String> = []
  /// `scaling_factor` of the latents it was trained on, for autoencoders that do not tell.
  package var latentScale: Float?
  /// It is so also with an autoencoder that tells another scale, unless that is the model's own.
  package var keepsLatentScale = false
}

/// How a kind of model is sampled where the user says nothing.
package struct SamplingDefaults: Sendable {
  package var steps = 25
  package var sampler = "dpm++"
  package var guidanceScale: Float = 4
  package var channels = Guidance.Channels.all
  package var schedule = NoiseSchedule.dit
  /// Nil: the sampler's own.
  package var spacing: Spacing?
  /// Of samplers that have several.
  package var order = 2
}

extension TransformerConfiguration {
  package var isSizeAssumed: Bool { false }
  package func trained(at side: Int) -> (any TransformerConfiguration)? { nil }
  package func form(drawing: [Modality], latents: [Int]) -> DrawnForm { DrawnForm(latents: latents) }

  /// Class-conditional without text: what is trained on ImageNet and guided as its authors do.
  package var isClassConditional: Bool { askableClasses > 0 && textSize == nil }

  /// Loads the weights, under whichever names the checkpoint has them.
  /// - Throws: `LoadError` naming the missing or misshapen tensor.
  package func load(_ checkpoint: Checkpoint, backend: Backend) throws -> any DiffusionTransformer {
    try network(Parameters(checkpoint, names: names(in: checkpoint), backend: backend))
  }

  /// The layers that adapters may change.
  package func adapterTargets(in checkpoint: Checkpoint) throws -> LoRATargets {
    LoRATargets(try listing(checkpoint).parameters, namings: namings, stored: names(in: checkpoint))
  }

  /// Parameters and costs.
  /// - Parameter checkpoint: whose optional parts count; nil: none of them.
  package func listing(_ checkpoint: Checkpoint? = nil) throws -> NetworkListing {
    let stored = checkpoint.map { CheckpointParameters($0, names: names(in: $0)) }
    return try NetworkListing(having: { stored?.contains($0) ?? false }, { _ = try network($0) })
  }

  /// What an evaluation for one picture takes, stage by stage (arXiv 2212.09748, tables 1 and 4); keys and values of the
  /// text are computed once a picture.
  /// - Parameters:
  ///   - grid: patches of the picture; nil: the native grid.
  ///   - textTokens: tokens of the prompt, for models that read one.
  package func costs(grid: Grid? = nil, textTokens: Int = 0, _ checkpoint: Checkpoint? = nil) throws -> [StageCost] {
    try listing(checkpoint).costs(Workload(patches: (grid ?? nativeGrid).count, textTokens: textTokens))
  }

  /// The part of an evaluation's multiply-adds that all blocks but the first take, taking blocks as equal.
  package func tailShare(grid: Grid, textTokens: Int) throws -> Double {
    let outside: Set = [
      "patch embedding", "timestep", "classes", "size and aspect", "adaLN", "adaLN-single", "final layer",
      "text and CLIP tokens",
    ]
    let costs = try costs(grid: grid, textTokens: textTokens).filter { $0.frequency == .step }
    let blocks = costs.filter { !outside.contains($0.name) }.total.multiplyAdds
    return Double(blocks) * Double(blockCount - 1) / Double(max(1, blockCount * costs.total.multiplyAdds))
  }

  /// The native patch grid.
  package var nativeGrid: Grid { Grid(height: latentSize[0] / patchSize, width: latentSize[1] / patchSize) }

  /// "28 blocks of width 1152, patches of 2, 4 latent channels, 1000 classes".
  package var summary: String {
    var parts = [
      "\(blockCount) blocks of width \(hiddenSize)", "patches of \(patchSize)", "\(latentChannels) latent channels",
    ]
    if askableClasses > 0 { parts.append("\(askableClasses) classes") }
    if let size = textSize { parts.append("text of \(size) numbers a token") }
    return parts.joined(separator: ", ")
  }
}

/// Bounds of what a configuration may say.
enum TransformerLimits {
  /// Latents along a side of the size a model was trained at: 32,768 pixels.
  static let latents = 1...4_096
}
