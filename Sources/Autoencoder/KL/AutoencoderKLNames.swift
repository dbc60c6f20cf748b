import DiTCheckpoints

extension Checkpoint {
  /// The tensors of an `AutoencoderKL` under today's diffusers names, whichever names the file has: those, CompVis'
  /// (latent-diffusion, Stable Diffusion's `.ckpt`), or diffusers' before 0.14 with its other attention.
  /// What belongs to neither half (training losses, for instance) is left out.
  func withDiffusersNames() throws -> Checkpoint {
    let levels = 1 + (records.compactMap { record -> Int? in
      let parts = record.name.string.split(separator: ".")
      return parts.count > 2 && parts[0] == "decoder" && parts[1] == "up" ? Int(parts[2]) : nil
    }.filter((0..<1_000).contains).max() ?? 0)
    return try renamed { name in
      let known = ["encoder.", "decoder.", "quant_conv.", "post_quant_conv."].contains { name.hasPrefix($0) }
      return known ? diffusersName(of: name, levels: levels) : nil
    }
  }
}

/// `decoder.up.3.block.0.nin_shortcut.weight` -> `decoder.up_blocks.0.resnets.0.conv_shortcut.weight`.
/// - Parameter levels: CompVis counts the decoder's levels from the picture down, diffusers from the latents up.
func diffusersName(of name: String, levels: Int) -> String {
  var rest = name.split(separator: ".", omittingEmptySubsequences: false)[...]
  var result: [String] = []
  while let part = rest.popFirst() {
    let index = rest.first.flatMap { Int($0) }
    switch (part, index) {
    case ("down", let level?): result += ["down_blocks", "\(level)"]
    case ("up", let level?): result += ["up_blocks", "\(levels - 1 - level)"]
    case ("block", let resnet?): result += ["resnets", "\(resnet)"]
    default:
      result.append(renamedParts[String(part)] ?? String(part))
      continue
    }
    rest.removeFirst()
  }
  return result.joined(separator: ".")
}

private let renamedParts = [
  "mid": "mid_block", "block_1": "resnets.0", "block_2": "resnets.1", "attn_1": "attentions.0",
  "downsample": "downsamplers.0", "upsample": "upsamplers.0", "nin_shortcut": "conv_shortcut",
  "norm_out": "conv_norm_out", "norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0",
  "query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0",
]
