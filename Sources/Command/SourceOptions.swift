import ArgumentParser
import Foundation
import Pipeline

/// Drawing from a picture instead of noise.
struct SourceOptions: ParsableArguments {
  @Option(help: ArgumentHelp("A picture to start from instead of noise.", valueName: "in.png"))
  var image: String?

  @Option(help: "How much of --image is drawn anew, above 0 to 1. (default: 0.6; with --mask 1)")
  var strength: Double?

  @Option(help: ArgumentHelp("Where --image is drawn anew: white is new, black stays as it is.", valueName: "mask.png"))
  var mask: String?

  @Option(
    help: ArgumentHelp(
      "Another picture like this one: its own prompt and settings, its shapes, a new seed.", valueName: "picture.png"))
  var variation: String?

  func validate() throws {
    if let strength, !(strength > 0 && strength <= 1) { throw SourceError.strength(strength) }
    if image != nil, variation != nil { throw ValidationError("--image and --variation: give one of them") }
    if image == nil, variation == nil {
      if mask != nil { throw SourceError.noImage("--mask") }
      if strength != nil { throw SourceError.noImage("--strength") }
    }
  }

  /// Sets source, strength and, where nobody asked for one, the size.
  /// - Parameters:
  ///   - isSized: the request's size was asked for.
  ///   - recipe: of the picture that is drawn again.
  func apply(to request: inout GenerationRequest, _ folder: ModelFolder, isSized: Bool, recipe: Recipe) throws {
    let path = image ?? variation
    if path == nil, let hash = recipe.imageHash { throw RecipeError.needs(option: "--image", hash: hash) }
    if image != nil, mask == nil, let hash = recipe.maskHash { throw RecipeError.needs(option: "--mask", hash: hash) }
    guard let path else { return }
    let source = try SourcePicture(
      URL(fileURLWithPath: path), mask: mask.map { URL(fileURLWithPath: $0) }, size: isSized ? request.size : nil,
      step: folder.sizeStep)
    for (name, wanted, found) in [("image", recipe.imageHash, source.hash), ("mask", recipe.maskHash, source.maskHash)]
    where image != nil && wanted != nil && wanted != found {
      complain("note: this is not the \(name) of the picture named by --from: the result will differ")
    }
    request.size = source.size
    request.source = source
    let stored = image != nil && recipe.imageHash != nil ? request.strength : nil
    request.strength = strength ?? stored ?? (mask == nil ? 0.6 : 1)
  }
}
