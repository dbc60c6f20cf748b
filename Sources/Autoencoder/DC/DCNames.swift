import DiTCheckpoints

extension Checkpoint {
  /// The tensors of an `AutoencoderDC` under diffusers' names, whether the file has those or its authors' (mit-han-lab/efficientvit).
  /// What belongs to neither half is left out.
  func withDeepNames() throws -> Checkpoint {
    let parts = ["to_q", "to_k", "to_v"]
    let apart = try unstacked { name in
      let ending = "context_module.main.qkv.conv.weight"
      guard name.hasSuffix(ending) else { return nil }
      return parts.map { name.dropLast(ending.count) + "attn.\($0).weight" }
    }
    return try apart.renamed { name in
      ["encoder.", "decoder."].contains { name.hasPrefix($0) } ? deepName(of: name) : nil
    }
  }

  /// Under diffusers' names.
  var hasDeepEncoder: Bool { contains("encoder.conv_in.weight") || contains("encoder.conv_in.conv.weight") }
}

/// `decoder.stages.2.op_list.1.main.conv2.norm.weight` -> `decoder.up_blocks.2.1.norm.weight`; diffusers' names as they are.
private func deepName(of name: String) -> String {
  renamedParts.reduce(name) { name, part in name.replacing(part.0, with: part.1, maxReplacements: 1) }
    .replacing(/\.to_qkv_multiscale\.(\d+)\.([01])\./) { ".to_qkv_multiscale.\($0.1).\($0.2 == "0" ? "proj_in" : "proj_out")." }
}

/// In this order.
private let renamedParts = [
  ("encoder.project_in.conv.", "encoder.conv_in."), ("encoder.project_out.main.op_list.0.conv.", "encoder.conv_out."),
  ("encoder.project_out.op_list.0.conv.", "encoder.conv_out."), ("decoder.project_in.main.conv.", "decoder.conv_in."),
  ("decoder.project_in.conv.", "decoder.conv_in."), ("decoder.project_out.op_list.0.", "decoder.norm_out."),
  ("decoder.project_out.op_list.2.conv.", "decoder.conv_out."), ("encoder.stages.", "encoder.down_blocks."),
  ("decoder.stages.", "decoder.up_blocks."), (".op_list.", "."), (".context_module.main.aggreg.", ".attn.to_qkv_multiscale."),
  (".context_module.main.proj.conv.", ".attn.to_out."), (".context_module.main.proj.norm.", ".attn.norm_out."),
  (".local_module.main.inverted_conv.conv.", ".conv_out.conv_inverted."),
  (".local_module.main.depth_conv.conv.", ".conv_out.conv_depth."),
  (".local_module.main.point_conv.conv.", ".conv_out.conv_point."),
  (".local_module.main.point_conv.norm.", ".conv_out.norm."), (".main.conv1.conv.", ".conv1."), (".main.conv2.conv.", ".conv2."),
  (".main.conv2.norm.", ".norm."), (".main.conv.conv.", ".conv."), (".main.conv.", ".conv."),
]
