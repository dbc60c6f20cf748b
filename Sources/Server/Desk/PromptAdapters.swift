import DiTModels
import Foundation
import Synchronization

/// Where the LoRAs lie that prompts use: those that they name, and those that were taught, which they find by their words.
package final class PromptAdapters: Sendable {
  private let path: String?
  private let taught: URL
  private let known = Mutex<(changed: Date, words: TaughtAdapters)?>(nil)

  /// - Parameters:
  ///   - path: of the former; nil: `$DIT_T2I_LORA_FOLDER`, if it is set.
  ///   - taught: need not be there yet.
  package init(_ path: String? = nil, taught: URL) { (self.path, self.taught) = (path, taught) }

  /// As it is now: what is taught while the server runs is found too.
  package var folder: LoRAFolder? { LoRAFolder(path, taught: taught) }

  /// Those that were taught, read anew where the folder has changed: every prompt asks for them.
  package var words: TaughtAdapters {
    let changed = try? FileManager.default.attributesOfItem(atPath: taught.path)[.modificationDate] as? Date
    return known.withLock { known in
      if let known, known.changed == changed { return known.words }
      let words = TaughtAdapters(in: taught)
      // What is written within the grain of the clock leaves the time as it was.
      known = changed.flatMap { $0.timeIntervalSinceNow < -1 ? ($0, words) : nil }
      return words
    }
  }

  /// Without the folders, which are no client's matter.
  func line(_ text: String) -> String {
    [folder?.url.path, taught.path].compactMap(\.self).reduce(text) { $0.replacing($1 + "/", with: "") }
  }
}
