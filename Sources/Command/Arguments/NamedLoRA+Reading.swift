import ArgumentParser
import DiTModels
import DiTTextToImage
import Foundation

extension NamedLoRA {
  /// What `--lora` names: `PATH`, `PATH:SCALE`, or the same with a name in the folder of adapters. A file may have a colon in
  /// its name.
  init(_ text: String, in folder: LoRAFolder?) throws {
    let exists = { (path: String) in FileManager.default.fileExists(atPath: path) }
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
    let isName = !exists(path) && !path.contains("/")
    self.init(isName ? try folder?.find(path) ?? URL(fileURLWithPath: path) : URL(fileURLWithPath: path), scale: scale)
  }
}
