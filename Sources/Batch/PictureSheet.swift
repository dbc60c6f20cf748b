import DiTCharts
import DiTImage
import Foundation

/// The pictures of a job on one sheet, with their prompts and seeds.
package enum PictureSheet {
  /// Pixels of all pictures together; beyond that they shrink.
  static let area = 24 << 20

  /// - Parameter entries: in the order of the sheet; files lie in `folder`.
  /// - Throws: `FileError` or `ImageError`.
  package static func drawn(_ entries: [ManifestEntry], in folder: URL) throws -> Picture {
    let limit = Double(area) / Double(max(1, entries.count))
    let items = try entries.map { entry in
      let picture = try Picture(contentsOf: folder.appendingPathComponent(entry.file))
      return ContactSheet.Item(try picture.shrunk(toArea: limit), caption(entry), detail: "seed \(entry.seed)")
    }
    return try ContactSheet(items).drawn()
  }

  private static func caption(_ entry: ManifestEntry) -> String {
    let words = [entry.prompt, entry.className.map { "class \($0)" } ?? ""].filter { !$0.isEmpty }
    return words.isEmpty ? "no words" : words.joined(separator: " · ")
  }
}

extension Picture {
  /// This picture with at most so many pixels.
  func shrunk(toArea limit: Double) throws -> Picture {
    let scale = (limit / Double(width * height)).squareRoot()
    guard scale < 1 else { return self }
    return try resized(
      width: max(16, Int(Double(width) * scale)), height: max(16, Int(Double(height) * scale)))
  }
}
