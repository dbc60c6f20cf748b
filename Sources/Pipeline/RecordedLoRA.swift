import DiTImage
import DiTModels
import Foundation

/// An adapter as a picture records it.
package struct RecordedLoRA: Sendable {
  package let name: String
  package let scale: Float
  /// ``LoRA/shortHash``.
  package let hash: String
  fileprivate let path: String?

  private static let limit = 100

  /// - Throws: ``RecipeError/field(path:name:)``.
  static func all(in parameters: GenerationParameters, of picture: URL) throws -> [RecordedLoRA] {
    try (1...limit).lazy.map(PictureMetadata.loraKeys).prefix { parameters[$0.use] != nil }.map { keys in
      let parts = (parameters[keys.use] ?? "").split(separator: ":", omittingEmptySubsequences: false)
      let scale = parts.last.flatMap { Float($0) }
      guard parts.count > 1, let scale, LoRA.scales.contains(scale) else {
        throw RecipeError.field(path: picture.path, name: keys.use)
      }
      return RecordedLoRA(
        name: parts.dropLast().joined(separator: ":"), scale: scale, hash: parameters[keys.hash] ?? "",
        path: parameters[keys.path])
    }
  }
}

/// An adapter that the user names; without a scale it has the picture's, or 1.
package struct NamedLoRA {
  package let url: URL
  package let scale: Float?

  package init(_ url: URL, scale: Float?) { (self.url, self.scale) = (url, scale) }
}

extension Recipe {
  /// The picture's adapters, and after them those of the user; one of his that has the name of one of the picture's stands
  /// for it.
  /// - Parameters:
  ///   - folder: where those are looked for that are no longer where they were.
  ///   - model: likewise, for the model's own.
  /// - Throws: ``RecipeError/gone(path:part:option:)``; `LoRAError`.
  package func adapters(_ named: [NamedLoRA], in folder: LoRAFolder?, model: URL? = nil) throws -> [LoRA] {
    var taken: Set<URL> = []
    let own = try adapters.map { recorded in
      // By its name, or by its content where it was renamed.
      let meant = try named.last { LoRA.name(of: $0.url) == recorded.name }
        ?? named.last { try LoRA($0.url).shortHash == recorded.hash }
      if let meant {
        taken.formUnion(named.filter { LoRA.name(of: $0.url) == recorded.name }.map(\.url) + [meant.url])
        return try LoRA(meant.url, scale: meant.scale ?? recorded.scale)
      }
      let place = recorded.path.map(RecordedPath.url).flatMap { FileManager.default.fileExists(atPath: $0.path) ? $0 : nil }
      let fast = model.flatMap { FastAdapter.file(named: recorded.name, in: $0) }
      guard let url = place ?? (try? folder?.find(recorded.name)) ?? fast else {
        throw RecipeError.gone(path: recorded.path ?? recorded.name, part: "LoRA", option: "--lora")
      }
      return try LoRA(url, scale: recorded.scale)
    }
    return try own + named.filter { !taken.contains($0.url) }.map { try LoRA($0.url, scale: $0.scale ?? 1) }
  }
}
