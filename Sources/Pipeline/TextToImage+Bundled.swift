import DiTModels
import DiTTensors
import Foundation

extension TextToImage {
  /// Loads a model that comes with the package: `small`, or the one that `$DIT_T2I_MODEL` names.
  ///
  /// It is looked for by ``ModelLocator`` around the running program (`../share/dit-t2i/Weights` or a folder `Weights` beside
  /// or above it), and then where this package was compiled. So a program that depends on the package finds it as long as
  /// it runs where it was built; one that goes elsewhere takes the folder along:
  ///
  ///     cp -RL .build/checkouts/dit-t2i/Weights/small PLACE/Weights/small     # -L: its tokenizer is a link
  ///
  /// - Parameters:
  ///   - name: a model's name, for another than `small`.
  ///   - backend: what it is computed by; nil for all cores and the precision that suits the processor.
  /// - Throws: `ModelError` that says where it looked; else as ``init(_:backend:)``.
  public static func bundled(_ name: String? = nil, backend: Backend? = nil) throws -> TextToImage {
    try TextToImage(ModelFolder(ModelLocator.bundled.locate(name)), backend: backend ?? Backend())
  }
}
