import DiTCheckpoints
import Foundation
import DiTTensors

/// The halves of a tiny autoencoder that one file has, their tensors named `layers.N…` as in diffusers.
struct TinyHalves {
  private let decoder: Checkpoint?
  private let encoder: Checkpoint?

  /// Before TAESD's names in one file: ComfyUI's, and those of its own module.
  private static let pairs = [("taesd_decoder.", "taesd_encoder."), ("decoder.", "encoder.")]
  /// The first tensor of an encoder that lies beside a decoder.
  static let encoders = ["encoder.layers.0.weight"] + pairs.map { $0.1 + "0.weight" }
  static let marks =
    [["decoder.layers.0.weight"]] + pairs.map { [$0.0 + "1.weight", $0.0 + "3.conv.0.weight"] } + encoders.map { [$0] } + [
      ["layers.0.weight", "layers.1.conv.0.weight"], ["layers.0.weight", "layers.2.conv.0.weight"],
      ["1.weight", "3.conv.0.weight"], ["0.weight", "1.conv.0.weight"],
    ]

  /// Nil where the tensors are no tiny autoencoder's. Known are diffusers' one file, our own halves, TAESD's two files,
  /// and those two in one under prefixes.
  init?(_ tensors: Checkpoint) throws {
    if tensors.contains("decoder.layers.0.weight") {
      decoder = tensors.scoped("decoder.")
      let encoder = tensors.scoped("encoder.")
      self.encoder = encoder.records.isEmpty ? nil : encoder
    } else if let (first, second) = Self.pairs.first(where: { tensors.contains($0.0 + "1.weight") }) {
      decoder = try tensors.scoped(first).numbered(from: 1)
      let encoder = tensors.scoped(second)
      self.encoder = encoder.records.isEmpty ? nil : try encoder.numbered(from: 0)
    } else if tensors.contains("layers.0.weight"), tensors.contains("layers.1.conv.0.weight") {
      (decoder, encoder) = (nil, tensors)
    } else if tensors.contains("layers.0.weight"), tensors.contains("layers.2.conv.0.weight") {
      (decoder, encoder) = (tensors, nil)  // a ReLU has the place of the encoder's first block
    } else if tensors.contains("1.weight"), tensors.contains("3.conv.0.weight"), !tensors.contains("0.weight") {
      (decoder, encoder) = (try tensors.numbered(from: 1), nil)  // 0 is the clamping, which has no weights
    } else if tensors.contains("0.weight"), tensors.contains("1.conv.0.weight") {
      (decoder, encoder) = (nil, try tensors.numbered(from: 0))
    } else {
      return nil
    }
  }

  /// Both halves. The one that is not here comes from the file beside it that has `encoder` for `decoder` in its name.
  /// - Throws: ``AutoencoderError/decoderMissing(path:expected:)``; an encoder that is missing is nil.
  func completed(from file: URL) throws -> (decoder: Checkpoint, encoder: Checkpoint?) {
    func sibling(_ old: String, _ new: String) throws -> (name: String, halves: TinyHalves?) {
      let other = file.lastPathComponent.replacingOccurrences(of: old, with: new)
      let stem = (other as NSString).deletingPathExtension
      let names = [other] + ["safetensors", "pth", "pt", "bin"].map { "\(stem).\($0)" }
      let folder = file.deletingLastPathComponent()
      let name = names.first { FileManager.default.fileExists(atPath: folder.appendingPathComponent($0).path) } ?? other
      let url = folder.appendingPathComponent(name)
      guard name != file.lastPathComponent, FileManager.default.fileExists(atPath: url.path) else { return (name, nil) }
      return (name, try TinyHalves(openNetwork(at: url, marks: Self.marks)))
    }
    if let decoder { return (decoder, try encoder ?? sibling("decoder", "encoder").halves?.encoder) }
    let (name, halves) = try sibling("encoder", "decoder")
    guard let decoder = halves?.decoder else {
      let expected = name == file.lastPathComponent ? "decoder" : name
      throw AutoencoderError.decoderMissing(path: file.path, expected: expected)
    }
    return (decoder, encoder)
  }
}

extension Checkpoint {
  /// The tensors `N…` of a PyTorch Sequential as `layers.(N − first)…`.
  fileprivate func numbered(from first: Int) throws -> Checkpoint {
    try renamed { name in
      let parts = name.split(separator: ".", maxSplits: 1)
      guard parts.count == 2, let index = Int(parts[0]), index >= first else { return name }
      return "layers.\(index - first).\(parts[1])"
    }
  }
}
