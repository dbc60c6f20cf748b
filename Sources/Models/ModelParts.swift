import DiTAutoencoder
import DiTCheckpoints
import DiTFiles
import DiTText
import DiTTransformer
import Foundation

/// What a model is to be opened for, which tells the parts it needs.
package enum ModelPurpose: Sendable {
  case pictures
  /// Captions: a family that draws words, without what reads them.
  case words
}

/// Where the parts of a model lie, found before any of them is looked into closely.
struct ModelParts {
  let transformer: any TransformerConfiguration
  /// Folder or file of the transformer's weights.
  let weights: URL
  let text: TextDescription?
  /// Nil: the family draws no words.
  let captions: CaptionParts?
  let autoencoder: URL
  /// Whether that is the model folder's own.
  let ownsAutoencoder: Bool
  /// What the weights are called: the file, or the model's folder.
  var weightsName: URL { folder ?? weights }
  /// The model folder; nil for a file, or the folder of a transformer alone.
  private let folder: URL?
  private let index: JSONValue?
  private let folderNames: FolderNames

  /// - Parameter purpose: which parts are needed.
  init(_ url: URL, options: ModelOptions, for purpose: ModelPurpose) throws {
    let inside = { (path: String) in url.appendingPathComponent(path) }
    let configuration: URL?
    if isThere(inside("model_index.json")) || isThere(inside("transformer/config.json")) {
      folder = url
      index = isThere(inside("model_index.json"))
        ? try readConfiguration(JSONValue.self, at: inside("model_index.json")) : nil
      let name = index?["_class_name"]?.string
      let names = ModelFamilies.folder(ofPipeline: name)
      folderNames = names
      weights = inside(names.transformer)
      guard isThere(weights) else {
        guard names.pipelines.isEmpty else { throw ModelError.missingPart(path: url.path, part: names.transformer) }
        throw ModelError.unsupported(path: url.path, found: name.map(ForeignModels.title) ?? "a model without transformer")
      }
      let file = weights.appendingPathComponent("config.json")
      configuration = isThere(file) ? file : nil
    } else {
      (folder, index, folderNames) = (nil, nil, FolderNames())
      weights = try ModelParts.transformerFile(url)
      // Beside a file it may be another's.
      configuration = weights == url && isThere(inside("config.json")) ? inside("config.json") : nil
    }
    let isPipeline = index != nil
    // The place of a file's other parts.
    let place = folder ?? (weights == url && configuration != nil ? url : weights.deletingLastPathComponent())
    let own = folder.map { $0.appendingPathComponent("vae") }.flatMap { isThere($0) || isPipeline ? $0 : nil }
      ?? (folder == nil ? ModelParts.publishedAutoencoder(in: place) : nil)
    let vae = (options.autoencoder ?? own).map { named in
      // A whole model folder will do: its autoencoder is meant.
      let inner = named.appendingPathComponent("vae")
      return isThere(inner.appendingPathComponent("config.json")) ? inner : named
    }
    var hints = ModelHints(compatibility: options.compatibility)
    hints.pipelineName = index?["_class_name"]?.string
    // An autoencoder of another kind in the model's place does not tell the scale; the model's own still does, and so does
    // that of a whole model whose text encoder is used.
    let lender = options.textEncoder?.appendingPathComponent("vae")
    let tellers = [vae, own, lender.flatMap { isThere($0.appendingPathComponent("config.json")) ? $0 : nil }].compactMap { $0 }
    hints.latentScale = { try tellers.lazy.compactMap { try AutoencoderSource.statedScale(at: $0) }.first.map(Double.init) }
    let tokenizers = ModelParts.tokenizers(url, folder, folderNames, options)
    hints.maximumTokens = { try tokenizers.lazy.compactMap { try TextDescription.statedMaximum($0) }.first }
    hints.names = HubCache.names(of: url) + [index?["_name_or_path"]?.string].compactMap(\.self)
    let transformer = try ModelParts.transformer(weights, configuration, hints)
    self.transformer = transformer
    let traits = try transformer.traits
    let namesWords = [options.captionDecoder, options.captionTokenizer, options.imageEncoder].contains { $0 != nil }
    guard traits.drawsWords || purpose == .pictures && !namesWords else {
      throw ModelError.noWords(path: url.path, what: traits.pipelineName.replacing("Pipeline", with: ""))
    }
    guard let vae else { throw ModelError.noAutoencoder(path: url.path) }
    autoencoder = vae
    ownsAutoencoder = options.autoencoder == nil
    captions = traits.drawsWords
      ? try CaptionParts(url, in: place, isFolder: folder != nil, transformer, options) : nil
    text = purpose == .words ? nil : try ModelParts.text(transformer, url, folder, tokenizers, captions?.prefix, options)
  }

  /// The autoencoder as the authors of U-ViT and UniDiffuser put it beside their files.
  private static func publishedAutoencoder(in place: URL) -> URL? {
    [".pth", ".safetensors", ".pt"].map { place.appendingPathComponent("autoencoder_kl" + $0) }.first(where: isThere)
  }

  // MARK: the transformer

  /// - Parameter configuration: the `config.json` in a folder; a file may have one beside it, its own or another's.
  private static func transformer(
    _ weights: URL, _ configuration: URL?, _ hints: ModelHints
  ) throws -> any TransformerConfiguration {
    if let configuration {
      let file = try ConfigurationFile(configuration)
      if let found = try ModelFamilies.configuration(file, hints) { return found }
      // One that names no class is another program's; the tensors may say of what.
      if file.fields["_class_name"] == nil {
        let place = try transformerFile(weights)
        let kind = (try? openTransformer(at: place)).map(WeightsKind.init)
        if let kind, kind.layout == nil, kind != .unknown { throw ModelError.notATransformer(path: place.path, what: kind.title) }
      }
      throw ModelError.unsupported(path: configuration.path, found: ForeignModels.title(ofClass: file.className))
    }
    let beside = weights.deletingLastPathComponent().appendingPathComponent("config.json")
    var stated: (any TransformerConfiguration)?
    var problem: (any Error)?
    if isThere(beside), let file = try? ConfigurationFile(beside) {
      do { stated = try ModelFamilies.configuration(file, hints) } catch { problem = error }
    }
    let checkpoint = try openTransformer(at: weights)
    do {
      let found = try WeightsKind.configuration(of: checkpoint, hints)
      guard let problem else { return stated.map { $0.isSimilar(to: found) ? $0 : found } ?? found }
      throw problem
    } catch let error as LoadError where stated != nil {
      // What no tensor tells, the configuration does: the base grid of our own models.
      guard case .malformed = error, let stated else { throw error }
      return stated
    }
  }

  /// The file of weights, where a folder holds several: the only one that is a transformer that runs here.
  private static func transformerFile(_ url: URL) throws -> URL {
    do {
      _ = try openCheckpoint(at: url)
      return url
    } catch let error as LoadError {
      guard case .unreadable = error, let all = try? names(in: url) else { return url }  // it is said where it is read
      let files = all.filter { [".safetensors", ".pth", ".pt", ".ckpt", ".bin"].contains(where: $0.hasSuffix) }.prefix(32)
      let kinds = files.map(url.appendingPathComponent).compactMap { file in
        (try? openTransformer(at: file)).map { (file: file, kind: WeightsKind($0)) }
      }
      let ours = kinds.filter { $0.kind.layout != nil }
      if ours.count == 1 { return ours[0].file }
      let others: [WeightsKind] = [.stableDiffusion, .stableDiffusionXL]
      guard ours.isEmpty, let other = kinds.first(where: { others.contains($0.kind) }) else { return url }
      throw ModelError.notATransformer(path: other.file.path, what: other.kind.title)
    } catch {
      return url
    }
  }

  // MARK: text

  /// Folders that may hold the tokenizer, the likeliest first.
  private static func tokenizers(_ url: URL, _ folder: URL?, _ names: FolderNames, _ options: ModelOptions) -> [URL] {
    func around(_ place: URL, _ suffix: String = "") -> [URL] {
      ["tokenizer" + suffix, "clip_tokenizer"].map(place.appendingPathComponent) + [place]
    }
    guard options.tokenizer == nil else { return options.tokenizer.map { [$0, $0.deletingLastPathComponent()] } ?? [] }
    var places: [URL] = []
    if let named = options.textEncoder {
      let encoder = ModelParts.encoder(named)
      // Beside text_encoder_2 lies tokenizer_2.
      let name = encoder.lastPathComponent
      let suffix = name.hasPrefix("text_encoder") ? String(name.dropFirst("text_encoder".count)) : ""
      places += [encoder, encoder.deletingLastPathComponent()].flatMap { around($0, suffix) }
    }
    // Files of the text encoder alone: a tokenizer of the model, or of the folder its autoencoder is taken from, will be its.
    places += folder.map { [$0.appendingPathComponent(names.tokenizer)] } ?? around(url.deletingLastPathComponent())
    return places + (options.autoencoder.map { around($0) } ?? [])
  }

  /// In a whole model folder its text encoder that is read here, in others the folder or file itself.
  private static func encoder(_ named: URL) -> URL {
    let inner = ["text_encoder", "text_encoder_2", "text_encoder_3"].map(named.appendingPathComponent).filter(isThere)
    return inner.first { (try? TextEncoders.configuration(of: $0)) != nil } ?? inner.first ?? named
  }

  private static func text(
    _ transformer: any TransformerConfiguration, _ url: URL, _ folder: URL?, _ tokenizers: [URL],
    _ prefix: CaptionPrefix?, _ options: ModelOptions
  ) throws -> TextDescription? {
    guard transformer.textSize != nil else { return nil }
    let traits = try transformer.traits
    let own = folder.map { $0.appendingPathComponent("text_encoder") }
    guard let encoder = options.textEncoder.map(ModelParts.encoder) ?? own else { throw ModelError.noTextEncoder(path: url.path) }
    if let tensors = try? openCheckpoint(at: encoder), [.captionDecoder, .captionDecoderWithCLIP].contains(WeightsKind(tensors)) {
      throw ModelError.unusedCLIP(path: encoder.path)
    }
    return try TextDescription(
      encoder: encoder, prefix: prefix, tokenizer: options.tokenizer, tokenizers: tokenizers,
      maximumTokens: traits.maximumTokens, lowercases: traits.lowercasesPrompts)
  }

  // MARK: what goes with it

  /// A line on an autoencoder that is another model's by its name, or whose latents' scale no file tells: PixArt has latents of
  /// two kinds.
  func note(on source: AutoencoderSource) -> String? {
    if let stated = source.overriddenScale, let scale = try? transformer.traits.latentScale {
      return "\(autoencoder.lastPathComponent) says scaling_factor \(stated); this model was trained with \(scale), which is taken"
    }
    guard let model = transformer as? PixArtConfiguration else { return nil }
    let file = URL(fileURLWithPath: (try? source.tensors.location) ?? "").lastPathComponent
    if let match = file.firstMatch(of: /^taesd(xl)?_/.ignoresCase()), (match.1 != nil) != model.isSigma {
      return "\(file) decodes the latents of \(model.isSigma ? "Stable Diffusion" : "SDXL"), but this model, "
        + "PixArt-\(model.isSigma ? "Σ" : "α"), has those of \(model.isSigma ? "SDXL: taesdxl" : "Stable Diffusion: taesd") is its own"
    }
    guard let scale = source.assumedScale else { return nil }
    let isXL = scale == LatentScaling.stableDiffusionXL.factor
    return "\(autoencoder.lastPathComponent) comes without a config.json that tells its scaling_factor; \(scale) is taken, that of "
      + "\(isXL ? "SDXL" : "Stable Diffusion"), and the model for PixArt-\(model.isSigma ? "Σ" : "α")"
  }

  /// `scheduler/scheduler_config.json`, where there is one.
  /// - Parameter training: classes that say how the model was trained, and not how it draws.
  func scheduler(training: Set<String>) throws -> SchedulerConfiguration? {
    guard let file = folder?.appendingPathComponent("scheduler/scheduler_config.json"), isThere(file) else { return nil }
    return try SchedulerConfiguration(file, named: schedulerName, training: training)
  }

  /// The class of the scheduler by `model_index.json`.
  private var schedulerName: String? { index?["scheduler"]?.array?.last?.string }

  /// A line on a scheduler that the model's index names and whose file is not there, where its class draws otherwise.
  func note(onSchedulerOf traits: TransformerTraits) -> String? {
    guard let name = schedulerName, !traits.trainingSchedulers.contains(name),
      SchedulerClass.named(name)?.sampler != traits.sampling.sampler
    else { return nil }
    return "model_index.json names \(printable(name)), but there is no scheduler/scheduler_config.json: "
      + "\(traits.sampling.sampler) draws"
  }

  /// From `classes.json`, from diffusers' `id2label`, or ImageNet's for a model of a thousand classes.
  func classNames() throws -> [String] {
    if let file = folder?.appendingPathComponent("classes.json"), isThere(file) {
      return try readConfiguration([String].self, at: file)
    }
    if let labels = index?["id2label"] {
      let fields = labels.object ?? [:]
      let list = labels.array ?? (0..<fields.count).compactMap { fields[String($0)] }
      let names = list.compactMap(\.string)
      if !names.isEmpty, names.count == max(list.count, fields.count) { return names }
    }
    return transformer.isClassConditional && transformer.askableClasses == 1000 ? ImageNetClasses.names : []
  }
}

extension TransformerConfiguration {
  /// Whether both are networks of the same sizes.
  fileprivate func isSimilar(to other: any TransformerConfiguration) -> Bool {
    type(of: self) == type(of: other)
      && (hiddenSize, blockCount, patchSize, latentChannels, textSize)
        == (other.hiddenSize, other.blockCount, other.patchSize, other.latentChannels, other.textSize)
  }
}
