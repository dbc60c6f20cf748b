import DiTCheckpoints
import DiTTensors
import Foundation

/// Parts of model folders, put together from the fixtures' tiny weights.
package enum TinyParts {
  package static let autoencoder = Fixtures.url("vae/tiny")

  package static func copy(_ source: URL, to target: URL) throws {
    try FileManager.default.createDirectory(at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(contentsOf: source.resolvingSymlinksInPath()).write(to: target)
  }

  /// Writes a T5 of 24 numbers a token, with room for a real tokenizer's pieces, and that tokenizer.
  /// - Parameter folder: of the model.
  package static func writeTextEncoder(in folder: URL) throws {
    let file = { (path: String) in folder.appendingPathComponent(path) }
    try copy(Fixtures.repository.appendingPathComponent("Tokenizer/spiece.model"), to: file("tokenizer/spiece.model"))
    let text = try String(contentsOf: Fixtures.url("t5/v1_0/config.json"), encoding: .utf8)
      .replacingOccurrences(of: "\"vocab_size\": 64", with: "\"vocab_size\": 8192")
    try FileManager.default.createDirectory(at: file("text_encoder"), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file("text_encoder/config.json"))
    try rewrite(
      Fixtures.url("t5/v1_0/model.safetensors"), to: file("text_encoder/model.safetensors"),
      ["shared.weight": embedding(8192)])
  }

  /// Of a tokenizer's pieces, [pieces, 24].
  private static func embedding(_ pieces: Int) throws -> Tensor {
    try Tensor((0..<pieces * 24).map { sin(Float($0) * 0.7) + cos(Float($0 / 24) * 1.3) }, [pieces, 24])
  }

  /// A copy of a checkpoint with other numbers in place of some.
  package static func rewrite(_ source: URL, to target: URL, _ replaced: [String: Tensor]) throws {
    var writer = SafetensorsWriter(target)
    for record in try openCheckpoint(at: source).records where replaced[record.name.string] == nil { try writer.add(record) }
    for (name, tensor) in replaced { try writer.add(TensorName(name), tensor) }
    try writer.write()
  }

  /// Writes a SANA as it is published, but for a T5 and TAESD's autoencoder: 64 pixels, 8 latents a side.
  package static func writeSana(sprint: Bool, to folder: URL) throws {
    let file = { (path: String) in folder.appendingPathComponent(path) }
    let fixture = Fixtures.url(sprint ? "sana/sprint" : "sana/base")
    try writeTextEncoder(in: folder)
    for name in ["config.json", "diffusion_pytorch_model.safetensors"] {
      try copy(autoencoder.appendingPathComponent(name), to: file("vae/\(name)"))
    }
    let parts = [
      "model_index.json": #"{"_class_name": "\#(sprint ? "SanaSprintPipeline" : "SanaPipeline")"}"#,
      "scheduler/scheduler_config.json": sprint ? trigFlow : flow,
    ]
    for (path, text) in parts {
      try FileManager.default.createDirectory(at: file(path).deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file(path))
    }
    // The text encoder's width.
    let settings = try String(contentsOf: fixture.appendingPathComponent("config.json"), encoding: .utf8)
      .replacing(/"caption_channels": \d+/, with: #""caption_channels": 24"#)
    try FileManager.default.createDirectory(at: file("transformer"), withIntermediateDirectories: true)
    try Data(settings.utf8).write(to: file("transformer/config.json"))
    let projection = try Tensor((0..<24 * 24).map { sin(Float($0) * 2.1) * 0.3 }, [24, 24])
    try rewrite(
      fixture.appendingPathComponent("diffusion_pytorch_model.safetensors"),
      to: file("transformer/diffusion_pytorch_model.safetensors"), ["caption_projection.linear_1.weight": projection])
  }

  /// Puts DC-AE, Gemma 2 and its tokenizer in the place of the other parts: SANA as it is published.
  package static func publishSana(_ folder: URL) throws {
    let file = { (path: String) in folder.appendingPathComponent(path) }
    for part in ["vae", "text_encoder", "tokenizer"] { try FileManager.default.removeItem(at: file(part)) }
    for name in ["config.json", "diffusion_pytorch_model.safetensors"] {
      try copy(Fixtures.url("dc-ae/sana-style/\(name)"), to: file("vae/\(name)"))
    }
    try copy(Fixtures.url("gemma-tokenizer/tokenizer.model"), to: file("tokenizer/tokenizer.model"))
    let pieces = 1100
    let sizes = try String(contentsOf: Fixtures.url("gemma2/alternating/config.json"), encoding: .utf8)
      .replacing(/"vocab_size": \d+/, with: "\"vocab_size\": \(pieces)")
    try FileManager.default.createDirectory(at: file("text_encoder"), withIntermediateDirectories: true)
    try Data(sizes.utf8).write(to: file("text_encoder/config.json"))
    try rewrite(
      Fixtures.url("gemma2/alternating/model.safetensors"), to: file("text_encoder/model.safetensors"),
      ["embed_tokens.weight": embedding(pieces)])
  }

  private static let flow = """
    {"_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "dpmsolver++", "beta_end": 0.02, "beta_schedule": "linear",
    "beta_start": 0.0001, "dynamic_thresholding_ratio": 0.995, "euler_at_final": false, "final_sigmas_type": "zero",
    "flow_shift": 3.0, "lambda_min_clipped": -Infinity, "lower_order_final": true, "num_train_timesteps": 1000,
    "prediction_type": "flow_prediction", "rescale_betas_zero_snr": false, "sample_max_value": 1.0, "solver_order": 2,
    "solver_type": "midpoint", "steps_offset": 0, "thresholding": false, "timestep_spacing": "linspace", "trained_betas": null,
    "use_beta_sigmas": false, "use_exponential_sigmas": false, "use_flow_sigmas": true, "use_karras_sigmas": false,
    "use_lu_lambdas": false, "variance_type": null}
    """
  private static let trigFlow = """
    {"_class_name": "SCMScheduler", "num_train_timesteps": 1000, "prediction_type": "trigflow", "sigma_data": 0.5}
    """
}
