import DiTDiffusion
import DiTErrors
import DiTImage
import DiTModels
import DiTTeaching
import DiTTextToImage

extension RefusedRequest {
  /// The field that an error of drawing speaks of, where it is of one.
  static func field(of error: any UserError) -> String? {
    switch error {
    case RequestError.size: "size"
    case RequestError.steps: "steps"
    case RequestError.guidance: "guidance"
    case RequestError.enlargement: "scale"
    case RequestError.promptTooLong: "prompt"
    case SourceError.mask: "mask"
    case SourceError.strength: "strength"
    case ImageError.unreadable(let source, _) where ["image", "mask"].contains(source): source
    case ModelError.noText: "prompt"
    case ModelError.noClasses, ModelError.noSuchClass, ModelError.unnamedClasses, ModelError.ambiguousClass: "class"
    case DiffusionError.unknownSampler: "sampler"
    case TeachingError.name: "name"
    case TeachingError.word: "word"
    case TeachingError.noText, TeachingError.readsText: "class"
    case DiffusionError.steps: "steps"
    default: nil
    }
  }
}
