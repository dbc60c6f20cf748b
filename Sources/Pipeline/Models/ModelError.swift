/// Why there is no model, or none that this program runs.
public enum ModelError: Error, CustomStringConvertible {
  case notFound(name: String, looked: [String])
  case noModels(looked: [String])
  /// A configuration names a class of another program.
  case unsupported(path: String, found: String)
  /// A file of weights that are no transformer of ours; `what` says what they are.
  case notATransformer(path: String, what: String)
  case missingPart(path: String, part: String)
  case noAutoencoder(path: String)
  case noTextEncoder(path: String)
  case noClasses(String)

  /// What this program runs, for those who brought something else.
  static let known = "this program runs DiT, PixArt-α and -Σ, U-ViT and its own text models"

  public var description: String {
    switch self {
    case .notFound(let name, let looked):
      "no model \"\(name)\": no such file or folder, and not in \(looked.joined(separator: ", ")); "
        + "'dit-t2i models' lists them"
    case .noModels(let looked):
      "no model found in \(looked.joined(separator: ", ")); name a folder with --model or $DIT_T2I_MODEL"
    case .unsupported(let path, let found): "\(path): this is \(found); \(ModelError.known)"
    case .notATransformer(let path, let what): "\(path): this is \(what); \(ModelError.known)"
    case .missingPart(let path, let part): "\(path): the model folder has no \(part)"
    case .noAutoencoder(let path):
      "\(path): these are the transformer's weights alone; name the autoencoder too, with --vae FOLDER or FILE"
    case .noTextEncoder(let path):
      "\(path): these are the transformer's weights alone; name a T5 folder too, with --text-encoder FOLDER"
    case .noClasses(let model): "\(model) draws text; it knows no classes"
    }
  }
}
