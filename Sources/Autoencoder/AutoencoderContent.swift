import DiTCheckpoints
import Foundation
import DiTTensors

/// What kind of autoencoder the tensors of a file are.
enum Content {
  case kl
  case tiny(TinyHalves)
  /// What it is instead, for a message.
  case other(String)

  /// The first tensor of an encoder: AutoencoderKL's, and a tiny one's in diffusers' file and in ComfyUI's.
  private static let encoders: [String] = [
    "encoder.conv_in.weight", "encoder.layers.0.weight", "taesd_encoder.0.weight",
  ]

  init(_ tensors: Checkpoint) throws {
    if tensors.contains("quantize.embedding.weight") {
      self = .other("a VQ autoencoder, which holds codes, not latents")
    } else if tensors.contains("decoder.conv_in.weight") {
      self = .kl
    } else if let halves = try TinyHalves(tensors) {
      self = .tiny(halves)
    } else if Content.encoders.contains(where: { tensors.contains($0) }) {
      self = .other("an encoder without its decoder")
    } else {
      let first = tensors.records.first.map { "its first tensor is \($0.storedName)" } ?? "it holds no tensors"
      self = .other("no autoencoder (\(first))")
    }
  }
}

/// The halves of a tiny autoencoder that one file has, their tensors named `layers.N…` as in diffusers.
struct TinyHalves {
  private let decoder: Checkpoint?
  private let encoder: Checkpoint?

  /// Nil where the tensors are no tiny autoencoder's. Known are diffusers' one file, our own halves, TAESD's two files,
  /// and those two in one under the prefixes that ComfyUI gives them.
  init?(_ tensors: Checkpoint) throws {
    if tensors.contains("decoder.layers.0.weight") {
      decoder = tensors.scoped("decoder.")
      let encoder = tensors.scoped("encoder.")
      self.encoder = encoder.records.isEmpty ? nil : encoder
    } else if tensors.contains("taesd_decoder.1.weight") {
      decoder = try tensors.scoped("taesd_decoder.").numbered(from: 1)
      let encoder = tensors.scoped("taesd_encoder.")
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
      let name = file.lastPathComponent.replacingOccurrences(of: old, with: new)
      let url = file.deletingLastPathComponent().appendingPathComponent(name)
      guard name != file.lastPathComponent, FileManager.default.fileExists(atPath: url.path) else { return (name, nil) }
      return (name, try TinyHalves(openCheckpoint(at: url)))
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
