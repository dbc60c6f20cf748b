import ArgumentParser
import DiTFiles
import DiTModels
import DiTTextToImage
import Foundation

extension NamedLoRA {
  /// What `--lora` names: `PATH`, `PATH:SCALE`, or the same with a name in the folder of adapters. A file may have a colon in
  /// its name.
  /// - Parameter place: where relative paths begin; nil: in the working directory.
  init(_ text: String, in folder: LoRAFolder?, relativeTo place: URL? = nil) throws {
    let url = { (path: String) in URL(fileURLWithPath: path, relativeTo: place) }
    let exists = { (path: String) in FileManager.default.fileExists(atPath: url(path).path) }
    var path = text
    var scale: Float?
    if !exists(text), let colon = text.lastIndex(of: ":") {
      let number = Float(text[text.index(after: colon)...])
      if number != nil || exists(String(text[..<colon])) {
        guard let number, LoRA.scales.contains(number) else {
          throw ValidationError("--lora \(text): expected a scale from -100 to 100 after the colon")
        }
        (path, scale) = (String(text[..<colon]), number)
      }
    }
    guard !path.isEmpty else { throw ValidationError("--lora \(text): expected a file or folder before the colon") }
    // A folder of pictures is often called as the adapter that was taught by them.
    let isTaught = { folder?.names.contains(path) ?? false && NamedLoRA.isPlainFolder(url(path)) }
    let isName = !path.contains("/") && (!exists(path) || isTaught())
    self.init(isName ? try folder?.find(path) ?? url(path) : url(path), scale: scale)
  }

  /// A folder without anything that an adapter has.
  private static func isPlainFolder(_ url: URL) -> Bool {
    guard isFolder(url) else { return false }
    let inside = (try? FileManager.default.contentsOfDirectory(at: url, includingPropertiesForKeys: nil)) ?? []
    return !inside.contains { $0.lastPathComponent == "adapter_config.json" || LoRA.isAdapter($0) }
  }
}
