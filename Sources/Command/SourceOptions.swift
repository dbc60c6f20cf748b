import ArgumentParser
import DiTArguments
import DiTModels
import DiTTextToImage
import Foundation

/// Drawing from a picture instead of noise: the same options on the command line and in a line of a prompt file.
struct SourceOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("A picture to start from instead of noise: PNG, JPEG or WebP.", valueName: "picture"),
    completion: .file(), transform: Reading.path)
  var image: String?

  @Option(
    help: ArgumentHelp(
      "How much of --image is drawn anew, above 0 to 1. (default: 0.6; with --mask 1)", valueName: "share"),
    transform: Reading.value("a number above 0, up to 1") { Double($0) })
  var strength: Double?

  @Option(
    help: ArgumentHelp(
      "Where --image is drawn anew: white is new, black or transparent stays as it is.", valueName: "mask.png"),
    completion: .file(), transform: Reading.path)
  var mask: String?

  func validate() throws {
    if let strength, !(strength > 0 && strength <= 1) { throw SourceError.strength(strength) }
  }

  /// - Throws: ``SourceError/noImage(_:)`` where an option says something about a picture that nobody named.
  func checkUse() throws {
    guard image == nil else { return }
    if mask != nil { throw SourceError.noImage("--mask") }
    if strength != nil { throw SourceError.noImage("--strength") }
  }

  /// Sets source, strength and, where nobody asked for one, the size.
  /// - Parameters:
  ///   - isSized: the request's size was asked for.
  ///   - stored: the strength of the picture that is drawn again.
  func apply(
    to request: inout GenerationRequest, isSized: Bool, stored: Double? = nil,
    read: (_ image: URL, _ mask: URL?, PictureSize?) throws -> SourcePicture
  ) throws {
    try checkUse()
    guard let image else { return }
    let mask = mask.map { URL(fileURLWithPath: $0) }
    let source = try read(URL(fileURLWithPath: image), mask, isSized ? request.size : nil)
    for note in source.notes { complain("note: \(note)") }
    request.size = source.size
    request.source = source
    request.strength = strength ?? stored ?? (mask == nil ? 0.6 : 1)
  }
}
