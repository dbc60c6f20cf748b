import DiTAutoencoder
import DiTErrors
import DiTText
import DiTTextToImage
import DiTTransformer
import Foundation

/// The configurations of a whole text-to-image model, by name: what `dit-t2i new` fills with random numbers.
package struct ModelBlueprint: Sendable {
  package let name: String
  /// The files of the folder that hold no numbers, by path.
  package let files: [String: Data]
  package let transformer: DiTConfiguration
  package let textEncoder: T5Configuration
  package let autoencoder: TinyAutoencoderConfiguration

  /// `tiny` and `small` as they are published, `micro` for tests, and the sizes of the paper ("S/2" … "XL/8") as text
  /// models of 256 pixels with `small`'s text encoder and autoencoder.
  package static let names = ["micro", "tiny", "small"] + PaperModels.names

  /// - Throws: ``BlueprintError`` for a name that is none of ``names``.
  package init(named name: String) throws {
    let shape: (depth: Int, width: Int, heads: Int, patchSize: Int)
    let (classes, latentSize): (Int, Int)
    switch name.lowercased() {
    case "micro": (shape, classes, latentSize) = ((2, 48, 3, 2), 10, 8)
    case "tiny": (shape, classes, latentSize) = ((8, 256, 4, 2), 47, 16)
    case "small": (shape, classes, latentSize) = ((12, 384, 6, 2), 982, 32)
    default:
      guard let paper = PaperModels.shape(name) else { throw BlueprintError.unknown(name) }
      (shape, classes, latentSize) = (paper, 982, 32)
    }
    let isMicro = name.lowercased() == "micro"
    let textWidth = isMicro ? 24 : 256
    let channels = isMicro ? [12, 10, 8, 6] : [96, 64, 48, 32]
    let latentChannels = isMicro ? 4 : 8
    let parts: [String: [String: Any]] = [
      "model_index.json": [
        "_class_name": "DiTTextToImagePipeline", "transformer": ["dit_t2i", "DiTTextTransformer2DModel"],
        "text_encoder": ["transformers", "T5EncoderModel"], "tokenizer": ["transformers", "T5Tokenizer"],
        "vae": ["dit_t2i", "TinyAutoencoder"], "scheduler": ["diffusers", "DDPMScheduler"],
      ],
      "transformer/config.json": [
        "_class_name": "DiTTextTransformer2DModel", "sample_size": [latentSize, latentSize],
        "hidden_size": shape.width, "depth": shape.depth, "num_heads": shape.heads, "patch_size": shape.patchSize,
        "in_channels": latentChannels, "num_classes": classes, "text_dim": textWidth,
        "base_grid": latentSize / shape.patchSize, "mlp_ratio": 4, "learn_sigma": true,
      ],
      "text_encoder/config.json": [
        "architectures": ["T5EncoderModel"], "model_type": "t5", "feed_forward_proj": "gated-gelu",
        "dense_act_fn": "gelu_new", "is_gated_act": true, "layer_norm_epsilon": 1e-6, "vocab_size": 8192,
        "d_model": textWidth, "num_layers": isMicro ? 2 : 4, "num_heads": isMicro ? 3 : 4, "d_kv": isMicro ? 10 : 64,
        "d_ff": isMicro ? 40 : 640, "relative_attention_num_buckets": 32, "relative_attention_max_distance": 128,
        "pad_token_id": 0, "eos_token_id": 1,
      ],
      "vae/config.json": [
        "_class_name": "TinyAutoencoder", "latent_channels": latentChannels, "decoder_block_out_channels": channels,
        "num_decoder_blocks": isMicro ? [1, 1, 1, 1] : [3, 3, 2, 1],
        "encoder_block_out_channels": isMicro ? [6, 8, 10, 12] : [32, 64, 64, 96],
        "num_encoder_blocks": isMicro ? [1, 1, 1, 1] : [1, 2, 3, 3], "latent_magnitude": 3,
      ],
      "scheduler/scheduler_config.json": [
        "_class_name": "DDPMScheduler", "num_train_timesteps": 1000, "beta_schedule": "linear", "beta_start": 1e-4,
        "beta_end": 0.02, "prediction_type": "epsilon", "variance_type": "learned_range", "clip_sample": false,
      ],
      "tokenizer/tokenizer_config.json": [
        "tokenizer_class": "T5Tokenizer", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>",
        "model_max_length": 48,
      ],
    ]
    self.name = name
    let files = try parts.mapValues {
      try JSONSerialization.data(withJSONObject: $0, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    }
    self.files = files
    func decoded<Value: Decodable>(_ type: Value.Type, _ path: String) throws -> Value {
      try JSONDecoder().decode(type, from: files[path] ?? Data())
    }
    transformer = try decoded(DiTConfiguration.self, "transformer/config.json")
    textEncoder = try decoded(T5Configuration.self, "text_encoder/config.json")
    autoencoder = try decoded(TinyAutoencoderConfiguration.self, "vae/config.json")
  }
}

package enum BlueprintError: UserError {
  case unknown(String)
  /// Latents of a side that the patches do not divide.
  case latents(Int, patch: Int)
  case rounds(Int)

  package var kind: UserErrorKind { .usage }

  package var description: String {
    switch self {
    case .unknown(let name):
      "no configuration \"\(name)\"; there are tiny, small, micro, and S, B, L or XL with /2, /4 or /8"
    case .latents(let side, let patch): "latents of \(side)×\(side): expected a multiple of the patch, \(patch)"
    case .rounds(let rounds): "\(rounds) rounds: expected 1 or more"
    }
  }
}
