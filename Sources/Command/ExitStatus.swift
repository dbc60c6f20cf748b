import DiTAutoencoder
import DiTBatch
import DiTCheckpoints
import DiTDiffusion
import DiTFiles
import DiTImage
import DiTModels
import DiTStudy
import DiTTensors
import DiTText
import DiTTextToImage
import DiTTransformer

/// The documented exit codes (after sysexits.h).
enum ExitStatus {
  static let verificationFailed: Int32 = 1
  static let usage: Int32 = 64
  static let badData: Int32 = 65
  static let notFound: Int32 = 66
  static let outOfMemory: Int32 = 71
  static let cannotCreate: Int32 = 73

  /// The code of an error of the libraries; nil for those of the argument parser.
  static func code(of error: Error) -> Int32? {
    switch error {
    case is RequestError, is DiffusionError, is BlueprintError, is WeightError, is ComparisonError: usage
    case SourceError.changed: badData
    case is SourceError: usage
    case BackendError.openBLASMissing: notFound
    case BackendError.outOfMemory: outOfMemory
    case ComparisonFileError.unreadable: notFound
    case is ComparisonFileError: badData
    case is TokenizerError, is ConfigurationError: badData
    case is UViTError, ModelError.noClasses, ModelError.noSuchClass, ModelError.unnamedClasses, ModelError.noText,
      ModelError.noAutoencoder, ModelError.noTextEncoder: usage
    case is AutoencoderError: badData
    case ModelError.notFound, ModelError.noModels: notFound
    case is ModelError: badData
    case LoadError.unwritable, is ConversionError: cannotCreate
    case LoadError.unreadable: notFound
    case is LoadError: badData
    case FileError.unreadable: notFound
    case is FileError, ImageError.unwritable: cannotCreate
    case is ImageError, is RecipeError: badData
    case BatchError.unreadable: notFound
    case BatchError.shard, BatchError.template: usage
    case BatchError.locked, BatchError.foreign, BatchError.unwritable: cannotCreate
    case is BatchError: badData
    default: nil
    }
  }
}
