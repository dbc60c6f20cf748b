import DiTCheckpoints
import DiTFiles
import DiTTensors
import Foundation

/// Sizes of an autoencoder, from its `config.json` or read off its tensors.
package protocol AutoencoderConfiguration: Decodable, Sendable {
  var latentChannels: Int { get }
  /// Pixels along one side of a latent.
  var scaleFactor: Int { get }
  /// Its parameters, and what decoding takes. The encoder's parameters are there, but its work is not part of drawing
  /// from words.
  func listing() throws -> NetworkListing
  /// A `config.json` that is read back as this.
  var fields: JSONValue { get }
}

/// An autoencoder of one kind on disk, whose numbers are not read yet. A new kind is a folder beside `KL` and `Tiny`
/// with one of these, and a line in ``AutoencoderSource/kinds``.
package protocol AutoencoderKind: Sendable {
  /// `_class_name` of its configurations, the best known first.
  static var classNames: [String] { get }
  /// Sets of tensors of which its files have one, whatever names a program put before them.
  static var marks: [[String]] { get }
  /// Recognises it by its tensors.
  /// - Returns: nil where they are another kind's.
  /// - Throws: one line naming the file, where they are of this kind and something is wrong with them.
  init?(_ place: AutoencoderPlace) throws
  var configuration: any AutoencoderConfiguration { get }
  /// See ``AutoencoderSource/assumedScale``.
  var assumedScale: Float? { get }
  /// Its tensors by names under which one file holds them.
  var tensors: Checkpoint { get throws }
  /// Of these very files, with the optional parts that they have.
  func listing() throws -> NetworkListing
  /// See ``AutoencoderSource/load(backend:encoder:tiling:)``.
  func load(backend: Backend, encoder: Bool, tiling: Tiling) throws -> any Autoencoder
}

/// A file or folder that may be an autoencoder.
package struct AutoencoderPlace {
  /// File or folder of the weights.
  private(set) var weights: URL
  /// The autoencoder's tensors, by their own names also where they lie inside a whole model.
  let tensors: Checkpoint
  /// All tensors.
  let all: Checkpoint
  /// Of the latents to be decoded, for files that do not tell; nil where nobody does.
  let scaling: LatentScaling?
  /// They have it whatever the files tell.
  let overridesScaling: Bool
  private let configuration: URL?
  private let isFolder: Bool

  /// - Throws: `LoadError`, `ConfigurationError`, or ``AutoencoderError/unknown(path:found:)`` for the configuration of
  ///   something else.
  init(_ url: URL, scaling: LatentScaling?, overriding: Bool) throws {
    func file(_ path: String, in folder: URL) -> URL? {
      let file = folder.appendingPathComponent(path)
      return isThere(file) ? file : nil
    }
    self.scaling = scaling
    overridesScaling = overriding
    isFolder = DiTFiles.isFolder(url)
    if !isFolder {
      (weights, configuration) = (url, file("config.json", in: url.deletingLastPathComponent()))
    } else if let inner = file("vae/config.json", in: url) {
      (weights, configuration) = (inner.deletingLastPathComponent(), inner)
    } else {
      (weights, configuration) = (url, file("config.json", in: url))
    }
    if isFolder, let configuration, let name = try AutoencoderPlace.className(configuration),
      !AutoencoderSource.kinds.contains(where: { $0.classNames.contains(name) })
    {
      throw AutoencoderError.unknown(path: configuration.path, found: "describes \"\(name.prefix(60))\"")
    }
    if isFolder, let half = try AutoencoderPlace.half(in: weights, scaling) { weights = half }
    all = try openCheckpoint(at: weights).unwrapped()
    let marks = AutoencoderSource.kinds.flatMap { $0.marks }
    tensors = try all.below(anyOf: marks)?.network([]) ?? all
  }

  /// Of a folder with the halves of TAESD as they are published, the decoder: the encoder is found beside it. Of several
  /// pairs, SDXL's where the latents are SDXL's, else the one that is not.
  private static func half(in folder: URL, _ scaling: LatentScaling?) throws -> URL? {
    let all = try DiTFiles.names(in: folder)
    let endings = [".safetensors", ".pth", ".pt", ".bin"]
    let usual = ["model", "diffusion_pytorch_model", "pytorch_model"].flatMap { stem in endings.map { stem + $0 } }
    guard Set(usual).isDisjoint(with: all) else { return nil }
    let pairs = endings.flatMap { ending in
      all.filter { name in
        let encoder = name.dropLast(ending.count).replacingOccurrences(of: "decoder", with: "encoder")
        return name.hasSuffix(ending) && name.contains("decoder") && endings.contains { all.contains(encoder + $0) }
      }
    }
    let wantsXL = scaling == .stableDiffusionXL
    let name = pairs.first { $0.contains("xl") == wantsXL && (wantsXL || $0.hasPrefix("taesd_")) } ?? pairs.first
    return name.map(folder.appendingPathComponent)
  }

  /// The configuration, if it describes one of these classes. In a folder it must; beside a file it may be another's.
  func configuration<Configuration: Decodable>(
    of classes: [String], as type: Configuration.Type
  ) throws -> Configuration? {
    guard let configuration else { return nil }
    let name = try AutoencoderPlace.className(configuration)
    if let name, classes.contains(name) { return try readConfiguration(type, at: configuration, keepingNonFinite: true) }
    guard isFolder else { return nil }
    throw AutoencoderError.unknown(
      path: configuration.path,
      found: "\(name ?? "no _class_name"), but the tensors are those of \(classes.first ?? "")")
  }

  /// Groups of the norms, where the numbers of UniDiffuser's authors lie beside the file: theirs are in Python, under `autoencoder`.
  var statedGroups: Int? {
    guard !isFolder, let configuration, let fields = try? readConfiguration(JSONValue.self, at: configuration),
      let groups = fields["autoencoder"]?["norm_num_groups"]?.integer
    else { return nil }
    return (1...4_096).contains(groups) ? groups : nil
  }

  /// `_class_name` of a configuration.
  private static func className(_ file: URL) throws -> String? {
    struct Named: Decodable {
      let className: String?
      enum CodingKeys: String, CodingKey { case className = "_class_name" }
    }
    return try readConfiguration(Named.self, at: file).className
  }
}
