import DiTErrors
import DiTTransformer

/// Why there is no model, or none that this program runs.
package enum ModelError: WordedError {
  case notFound(name: String, looked: [String])
  case noModels(looked: [String])
  /// A configuration names a class of another program.
  case unsupported(path: String, found: String)
  /// A file of weights that are no transformer of ours; `what` says what they are.
  case notATransformer(path: String, what: String)
  case missingPart(path: String, part: String)
  case noAutoencoder(path: String)
  case noTextEncoder(path: String)
  /// What a UniDiffuser needs beside its file, for words and pictures.
  case noCaptionDecoder(path: String)
  case noCaptionTokenizer(path: String)
  case noImageEncoder(path: String)
  /// The CLIP within a caption decoder.
  case unusedCLIP(path: String)
  /// The model draws no words.
  case noWords(path: String, what: String)
  /// A text encoder in a file, and no tokenizer near it.
  case noTokenizer(path: String, names: [String])
  /// A native size that cannot be the model's.
  case noBaseSize(path: String, reason: String)
  /// A cache of the hub that holds several of what one is asked for.
  case severalSnapshots(path: String, names: [String])
  /// A name that stands for several classes.
  case ambiguousClass(String, indices: [Int])
  /// The model is conditioned on text alone.
  case noClasses(String)
  case noSuchClass(String, suggestion: String?, count: Int)
  /// Classes without names are asked for by index.
  case unnamedClasses(String)
  /// The model is conditioned on classes alone.
  case noText(String)

  /// What this program runs, for those who brought something else.
  static let known = "this program runs \(ModelFamilies.all.map { $0.title }.joined(separator: ", ")) and its own text models"

  package var kind: UserErrorKind {
    switch self {
    case .notFound, .noModels, .severalSnapshots: .notFound
    case .unsupported, .notATransformer, .missingPart, .unusedCLIP, .noWords: .damagedData
    case .noCaptionDecoder, .noCaptionTokenizer, .noImageEncoder: .usage
    case .noAutoencoder, .noTextEncoder, .noTokenizer, .noBaseSize, .ambiguousClass, .noClasses, .noSuchClass,
      .unnamedClasses, .noText:
      .usage
    }
  }

  package func line(_ say: (_ program: String, _ library: String) -> String) -> String {
    switch self {
    case .notFound(let name, let looked):
      "no model \"\(name)\": no such file or folder, and not in \(looked.joined(separator: ", "))"
        + say("; 'dit-t2i models' lists them", "")
    case .noModels(let looked):
      "no model found in \(looked.joined(separator: ", ")); name a folder "
        + say("with --model or $DIT_T2I_MODEL", "by its path or in $DIT_T2I_MODEL")
    case .unsupported(let path, let found): "\(path): this is \(found); \(ModelError.known)"
    case .notATransformer(let path, let what):
      "\(path): this is \(what); \(ModelError.known)"
        + (what == WeightsKind.lora.title
          ? "; a LoRA for them goes " + say("to --lora", "into ModelOptions.adapters") : "")
    case .missingPart(let path, let part): "\(path): the model folder has no \(part)"
    case .noAutoencoder(let path):
      "\(path): these are the transformer's weights alone; name the autoencoder too, "
        + say("with --vae FOLDER or FILE", "in ModelOptions.autoencoder")
    case .noTextEncoder(let path):
      "\(path): these are the transformer's weights alone; name the text encoder too, "
        + say("with --text-encoder FOLDER or FILE", "in ModelOptions.textEncoder")
    case .noCaptionDecoder(let path):
      "\(path): a UniDiffuser reads words by its caption decoder, and there is no caption_decoder.pth beside it; name it, "
        + say("with --caption-decoder FILE", "in ModelOptions.captionDecoder")
    case .noCaptionTokenizer(let path):
      "\(path): there is no text_tokenizer, GPT-2's pieces, of which captions are made; name a folder with gpt2's vocab.json, "
        + say("with --caption-tokenizer FOLDER", "in ModelOptions.captionTokenizer")
    case .noImageEncoder(let path):
      "\(path): there is no image_encoder, by which pictures are read; name a folder of openai/clip-vit-base-patch32, "
        + say("with --image-encoder FOLDER", "in ModelOptions.imageEncoder")
    case .unusedCLIP(let path):
      "\(path): this is a caption decoder, and the CLIP in it is not used; name a folder of openai/clip-vit-large-patch14 "
        + say("with --text-encoder", "in ModelOptions.textEncoder")
    case .noWords(let path, let what):
      "\(path): this model (\(what)) draws pictures alone; words are drawn by a UniDiffuser, thu-ml/unidiffuser-v1 for instance"
    case .noTokenizer(let path, let names):
      "\(path): there is no tokenizer (\(names.prefix(2).joined(separator: " or "))) in it, beside it, or in a folder "
        + "tokenizer there; name it, "
        + say("with --tokenizer FOLDER or FILE", "in ModelOptions.tokenizer")
    case .noBaseSize(let path, let reason): "\(path): \(reason)\(say("; leave out --base-size, or say another", ""))"
    case .severalSnapshots(let path, let names):
      names.isEmpty
        ? "\(path) is empty: nothing was downloaded into this cache"
        : "\(path) holds \(names.count) models, name one: \(names.prefix(6).joined(separator: ", "))\(names.count > 6 ? ", …" : "")"
    case .ambiguousClass(let name, let indices):
      "class \"\(name)\" is \(indices.count) classes of this model: give an index, "
        + "\(indices.map(String.init).joined(separator: " or "))"
    case .noClasses(let model): "\(model) draws text; it knows no classes"
    case .noSuchClass(let name, let suggestion, let count):
      "no class \"\(name)\"\(suggestion.map { "; did you mean \"\($0)\"?" } ?? "") "
        + say(
          "(0 to \(count - 1), or a name: 'dit-t2i models --classes' lists all \(count))",
          "(0 to \(count - 1), or a name: ModelFolder.classes has all \(count))")
    case .unnamedClasses(let name): "class \"\(name)\": this model has no class names; give an index"
    case .noText(let model): "\(model) draws classes, not text: give \(say("--class", "a class")) instead of a prompt"
    }
  }
}
