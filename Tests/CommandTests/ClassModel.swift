import DiTTestSupport
import Foundation

extension Program {
  /// diffusers' DiT in the folder `dit`: it reads no words, and two of its ten classes have one name.
  func makeClassModel() throws {
    for (source, target) in [("dit-diffusers/p2", "dit/transformer"), ("vae/tiny", "dit/vae")] {
      let part = folder.appendingPathComponent(target)
      try FileManager.default.createDirectory(at: part, withIntermediateDirectories: true)
      for name in ["config.json", "diffusion_pytorch_model.safetensors"] {
        try FileManager.default.copyItem(at: Fixtures.url("\(source)/\(name)"), to: part.appendingPathComponent(name))
      }
    }
    let labels = (0..<10).map { "\"\($0)\": \"\([3, 5].contains($0) ? "crane" : "thing \($0)")\"" }.joined(separator: ", ")
    try Data(#"{"_class_name": "DiTPipeline", "id2label": {\#(labels)}}"#.utf8)
      .write(to: folder.appendingPathComponent("dit/model_index.json"))
  }
}
