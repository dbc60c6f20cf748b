import DiTCheckpoints
import Foundation

/// What a model's pictures bear to have left out: `cache.json` in its folder, which `dit-t2i calibrate` writes.
///
///     {"threshold": 0.12, "guidance_every": 2}
package struct CacheSettings: Codable, Sendable, Equatable {
  package static let fileName = "cache.json"

  /// Of the first-block cache.
  package let threshold: Float
  /// How often the unconditional branch is computed.
  package let guidanceEvery: Int

  enum CodingKeys: String, CodingKey {
    case threshold, guidanceEvery = "guidance_every"
  }

  package init(threshold: Float, guidanceEvery: Int) {
    (self.threshold, self.guidanceEvery) = (threshold, guidanceEvery)
  }

  package init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    threshold = try values.decode(Float.self, forKey: .threshold)
    guidanceEvery = try values.decodeIfPresent(Int.self, forKey: .guidanceEvery) ?? 1
    guard (0...1).contains(threshold) else {
      throw DecodingError.dataCorruptedError(
        forKey: .threshold, in: values, debugDescription: "threshold is \(threshold), expected 0 to 1")
    }
    guard (1...4).contains(guidanceEvery) else {
      throw DecodingError.dataCorruptedError(
        forKey: .guidanceEvery, in: values, debugDescription: "guidance_every is \(guidanceEvery), expected 1 to 4")
    }
  }

  /// Of a model's folder.
  /// - Throws: ``ConfigurationError``; nil where there is no such file.
  init?(in folder: URL) throws {
    let url = folder.appendingPathComponent(CacheSettings.fileName)
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    self = try readConfiguration(CacheSettings.self, at: url)
  }
}
