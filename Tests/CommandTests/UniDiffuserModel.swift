import DiTCheckpoints
import DiTImage
import DiTTensors
import DiTTestSupport
import DiTTransformer
import Foundation

/// A UniDiffuser of random numbers in a program's folder: `uni` as diffusers writes it, `original` with its authors' files.
struct UniDiffuserModel {
  let program: Program

  private func file(_ path: String) -> URL { program.folder.appendingPathComponent(path) }

  func write(_ text: String, to path: String) throws {
    try FileManager.default.createDirectory(at: file(path).deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file(path))
  }

  private func copy(_ fixture: String, to path: String) throws {
    try FileManager.default.copyItem(at: Fixtures.url(fixture), to: file(path))
  }

  private static let unet = """
    {"_class_name": "UniDiffuserModel", "num_attention_heads": 2, "attention_head_dim": 6, "num_layers": 2, "patch_size": 2,
    "in_channels": 4, "sample_size": 4, "num_text_tokens": 6, "text_dim": 6, "clip_img_dim": 31,
    "use_data_type_embedding": true}
    """

  /// Writes both, and the pictures `a.png` and `b.png`.
  init(in program: Program) throws {
    self.program = program
    try write(#"{"_class_name": "UniDiffuserPipeline"}"#, to: "uni/model_index.json")
    for part in ["vae", "text_encoder", "tokenizer"] {
      try copy("uvit-t2i/b/\(part)", to: "uni/" + (part == "tokenizer" ? "clip_tokenizer" : part))
    }
    try copy("clip-vision/gelu", to: "uni/image_encoder")
    try write(
      #"{"size": {"shortest_edge": 10}, "crop_size": {"height": 10, "width": 10}, "resample": 3}"#,
      to: "uni/clip_image_processor/preprocessor_config.json")
    try write(Self.unet, to: "uni/unet/config.json")
    try write(
      """
      {"_class_name": "DPMSolverMultistepScheduler", "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012,
      "solver_order": 3, "timestep_spacing": "linspace"}
      """, to: "uni/scheduler/scheduler_config.json")
    try write(
      """
      {"version": 1, "nnet": {"img_size": 4, "in_chans": 4, "patch_size": 2, "embed_dim": 12, "depth": 2, "num_heads": 2,
      "text_dim": 6, "num_text_tokens": 6, "clip_img_dim": 31}, "caption_decoder": {"prefix_length": 6, "hidden_dim": 6,
      "clip_text_dim": 20, "n_embd": 12, "n_layer": 1, "n_head": 3, "n_positions": 16}}
      """, to: "original/config.json")
    try writeTransformer()
    let words = ["a", " ", "red", "fox", "in", "snow", ".", "<|EOS|>"].map { $0.replacing(" ", with: "Ġ") }
    try write("{\(words.enumerated().map { "\"\($1)\": \($0)" }.joined(separator: ", "))}", to: "uni/text_tokenizer/vocab.json")
    try write(
      """
      {"prefix_length": 6, "prefix_inner_dim": 20, "prefix_hidden_dim": 6, "n_embd": 12, "n_layer": 1, "n_head": 3,
      "n_positions": 16, "vocab_size": 8}
      """, to: "uni/text_decoder/config.json")
    try writeDecoder()
    for (name, side) in [("a.png", 20), ("b.png", 31)] {
      let bytes = (0..<side * 24 * 3).map { UInt8(truncatingIfNeeded: $0 * side + $0 / 7) }
      try Picture(width: side, height: 24, pixels: bytes).write(to: file(name))
    }
  }

  /// Under the names of its authors in both places: a file tells whose they are.
  private func writeTransformer() throws {
    let sizes = try JSONDecoder().decode(UniDiffuserConfiguration.self, from: Data(Self.unet.utf8))
    for path in ["uni/unet/diffusion_pytorch_model.safetensors", "original/uvit_v1.safetensors"] {
      var writer = SafetensorsWriter(file(path))
      for parameter in try NetworkListing({ _ = try UniDiffuser(sizes, $0) }).parameters {
        try writer.add(parameter, seed: 1, as: .f32)
      }
      try writer.write()
    }
  }

  private func writeDecoder() throws {
    func shapes(_ inner: String) -> [(String, [Int])] {
      let block = inner + "h.0."
      return [
        ("encode_prefix.weight", [6, 20]), ("encode_prefix.bias", [6]), ("decode_prefix.weight", [12, 6]),
        ("decode_prefix.bias", [12]), (inner + "wte.weight", [8, 12]), (inner + "wpe.weight", [16, 12]),
        (inner + "ln_f.weight", [12]), (inner + "ln_f.bias", [12]), (block + "ln_1.weight", [12]), (block + "ln_1.bias", [12]),
        (block + "ln_2.weight", [12]), (block + "ln_2.bias", [12]), (block + "attn.c_attn.weight", [12, 36]),
        (block + "attn.c_attn.bias", [36]), (block + "attn.c_proj.weight", [12, 12]), (block + "attn.c_proj.bias", [12]),
        (block + "mlp.c_fc.weight", [12, 48]), (block + "mlp.c_fc.bias", [48]), (block + "mlp.c_proj.weight", [48, 12]),
        (block + "mlp.c_proj.bias", [12]),
      ]
    }
    for (path, outer, inner) in [
      ("uni/text_decoder/diffusion_pytorch_model.safetensors", "", "transformer.transformer."),
      ("original/caption_decoder.safetensors", "module.", "gpt.transformer."),
    ] {
      var writer = SafetensorsWriter(file(path))
      for (index, (name, shape)) in shapes(inner).enumerated() {
        let numbers = (0..<shape.reduce(1, *)).map { sin(Float(index) * 1.7 + Float($0) * 2.3) * 0.7 }
        try writer.add(TensorName(outer + name), Tensor(numbers, shape))
      }
      if !outer.isEmpty {
        try writer.add("module.clip.text_model.final_layer_norm.weight", Tensor([1], [1]))
        try writer.add("module.gpt.transformer.h.0.attn.bias", Tensor([1], [1]))
      }
      try writer.write()
    }
  }
}
