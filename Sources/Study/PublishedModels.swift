import DiTAutoencoder
import DiTCheckpoints
import DiTDiffusion
import DiTText
import DiTTextToImage
import DiTTransformer
import Foundation

/// What people download, and what drawing with it takes: sizes are those of the published configurations, costs are
/// counted by the networks' own declarations, as ``ModelInspection`` counts them.
package enum PublishedModels {
  /// A transformer as it is published, with all that a picture needs.
  struct Entry {
    let name: String
    /// Owner and name on the Hugging Face hub, or where else it lies.
    let source: String
    let transformer: any TransformerConfiguration
    var readsText: Bool { transformer.textSize != nil && mode.steps[0].text == .given }
    /// Which always reads all of its places.
    var readsCLIP: Bool { readsText && !(transformer is PixArtConfiguration) && !isSana }
    var isSana: Bool { transformer is SanaConfiguration }
    /// Pixels of a latent along a side.
    var factor: Int { isSana ? 32 : 8 }
    var drawsWords: Bool { transformer is UniDiffuserConfiguration }
    /// Of the transformer, each of a branch of guidance; where nothing is given there is one.
    var evaluations: Int {
      steps * mode.steps.reduce(0) { $0 + (isGuided && $1.image != .unknown ? 1 + $1.drawn.count : 1) }
    }
    /// What is said of them where there is one.
    var branches: String { isGuided ? "" : isSana ? ", in one branch" : ", no guidance" }
    /// Pixels along a side.
    let size: Int
    var steps: Int
    var isGuided = true
    var mode = DrawingMode.picture
    let command: String
  }

  /// Memory and time are estimates from these; docs/MODELS.md says how they were measured.
  private enum Measured {
    /// Multiply-adds a second of two cores in `auto`.
    static let rate = 130e9
    /// Bytes that a weight of the transformer takes in `auto`, and a pixel while AutoencoderKL or AutoencoderDC decodes it.
    static let weight = 2.0, pixel = 2_700.0, deepPixel = 550.0
    /// What everything else takes: buffers, a block of the text encoder, the program.
    static let rest = 0.4e9
    /// Pixels that are decoded at once at most.
    static let tile = 1024.0 * 1024
  }

  /// Tokens of the prompt that is counted, and those of SANA's instruction, which Gemma reads before it.
  private static let tokens = 20, instruction = 460

  static func entries() throws -> [Entry] {
    func pixart(_ side: Int, sigma: Bool, extent: Bool = false) -> PixArtConfiguration {
      var configuration = PixArtConfiguration(
        hiddenSize: 1152, depth: 28, heads: 16, patchSize: 2, inChannels: 4, learnsVariance: true, sampleSize: side / 8,
        captionSize: 4096, readsExtent: extent, interpolationScale: Double(side) / 512)
      configuration.isSigma = sigma
      return configuration
    }
    let prompt = "\"a red fox\""
    var entries: [Entry] = []
    func add(
      _ name: String, _ source: String, _ transformer: any TransformerConfiguration, _ size: Int, steps: Int? = nil,
      guided: Bool = true, mode: DrawingMode = .picture, _ command: String
    ) throws {
      entries.append(
        Entry(
          name: name, source: source, transformer: transformer, size: size,
          steps: try steps ?? transformer.traits.sampling.steps, isGuided: guided, mode: mode, command: command))
    }
    let (alpha, sigma) = ("PixArt-XL-2-512x512", "PixArt-Sigma-XL-2-1024-MS")
    try add("PixArt-α 512", "PixArt-alpha/\(alpha)", pixart(512, sigma: false), 512, "--model \(alpha) \(prompt)")
    try add(
      "PixArt-α 1024", "PixArt-alpha/PixArt-XL-2-1024-MS", pixart(1024, sigma: false, extent: true), 1024,
      "--model PixArt-XL-2-1024-MS \(prompt)")
    try add(
      "PixArt-LCM 1024", "PixArt-alpha/PixArt-LCM-XL-2-1024-MS", pixart(1024, sigma: false, extent: true), 1024, steps: 4,
      guided: false, "--model PixArt-LCM-XL-2-1024-MS \(prompt)")
    try add(
      "PixArt-DMD 512", "PixArt-alpha/PixArt-Alpha-DMD-XL-2-512x512", pixart(512, sigma: false), 512, steps: 1,
      guided: false, "--model PixArt-Alpha-DMD-XL-2-512x512 \(prompt)")
    try add(
      "PixArt-Σ 512", "PixArt-alpha/PixArt-Sigma-XL-2-512-MS and pixart_sigma_sdxlvae_T5_diffusers",
      pixart(512, sigma: true), 512,
      "--model PixArt-Sigma-XL-2-512-MS --vae PARTS --text-encoder PARTS \(prompt)")
    try add("PixArt-Σ 1024", "PixArt-alpha/\(sigma)", pixart(1024, sigma: true), 1024, "--model \(sigma) \(prompt)")
    try add(
      "PixArt-Σ 2K", "PixArt-alpha/PixArt-Sigma-XL-2-2K-MS and pixart_sigma_sdxlvae_T5_diffusers",
      pixart(2048, sigma: true), 2048,
      "--model PixArt-Sigma-XL-2-2K-MS --vae PARTS --text-encoder PARTS \(prompt)")
    for (side, latents) in [(256, 32), (512, 64)] {
      guard let dit = PaperModels.configuration("XL/2", latentSize: latents) else { continue }
      try add(
        "DiT-XL/2 \(side)", "facebook/DiT-XL-2-\(side)", dit, side, "--model DiT-XL-2-\(side) --class 207")
    }
    let uvit = UViTConfiguration(
      hiddenSize: 1152, depth: 28, heads: 16, patchSize: 2, inChannels: 4, sampleSize: 32, classes: 1001, text: nil)
    try add(
      "U-ViT-H/2 256", "imagenet256_uvit_huge.pth, linked from baofff/U-ViT", uvit, 256,
      "--model imagenet256_uvit_huge.pth --vae sd-vae-ft-ema --class 207")
    for (name, depth) in [("small", 12), ("small_deep", 16)] {
      let uvit = UViTConfiguration(
        hiddenSize: 512, depth: depth, heads: 8, patchSize: 2, inChannels: 4, sampleSize: 32, classes: nil,
        text: .init(width: 768, tokens: 77))
      try add(
        "U-ViT-S/2 \(depth == 12 ? "" : "deep ")256", "mscoco_uvit_\(name).pth, linked from baofff/U-ViT", uvit, 256,
        "--model mscoco_uvit_\(name).pth --text-encoder clip-vit-large-patch14 --vae sd-vae-ft-ema \(prompt)")
    }
    let uniDiffuser: UniDiffuserConfiguration = try decoded(
      """
      {"num_attention_heads": 24, "attention_head_dim": 64, "num_layers": 30, "patch_size": 2, "in_channels": 4,
      "sample_size": 64, "use_data_type_embedding": true}
      """)
    let ways: [(String, DrawingMode, String)] = [
      ("UniDiffuser v1", .picture, "--model MODEL \(prompt)"),
      ("… of a picture, by its words", .variation, "--model MODEL --variation fox.jpg"),
      ("… a picture and its words", .pair, "pair --model MODEL"), ("… a caption", .caption, "caption fox.jpg --model MODEL"),
      ("… words alone", .text, "pair --words-only --model MODEL"),
    ]
    for (name, mode, command) in ways {
      try add(
        name, mode == .picture ? "thu-ml/unidiffuser-v1, also v0" : "the same", uniDiffuser, 512, mode: mode,
        command.replacing("MODEL", with: "unidiffuser-v1"))
    }
    for (name, folder, depth, width, isSprint) in [
      ("SANA-Sprint 0.6B", "Sana_Sprint_0.6B_1024px_diffusers", 28, 1152, true),
      ("SANA-Sprint 1.6B", "Sana_Sprint_1.6B_1024px_diffusers", 20, 2240, true),
      ("SANA 0.6B", "Sana_600M_1024px_diffusers", 28, 1152, false),
      ("SANA 1.6B", "Sana_1600M_1024px_BF16_diffusers", 20, 2240, false),
      ("SANA-1.5 4.8B", "SANA1.5_4.8B_1024px_diffusers", 60, 2240, false),
    ] {
      var sana = SanaConfiguration(
        depth: depth, hiddenSize: width, crossHeads: width == 1152 ? 16 : 20, innerSize: width * 5 / 2)
      sana.readsGuidance = isSprint
      try add(
        name + ", 1024", "Efficient-Large-Model/\(folder)", sana, 1024, guided: !isSprint, "--model \(folder) \(prompt)")
    }
    return entries
  }

  /// The table of docs/MODELS.md, in Markdown.
  package static func table() throws -> String {
    let head = [
      "| model | where | download | draws with `dit-t2i …` | steps | multiply-adds | memory | two cores |",
      "|---|---|---|---|---|---|---|---|",
    ]
    return try (head + entries().map(row)).joined(separator: "\n")
  }

  private static func row(_ entry: Entry) throws -> String {
    let latents = entry.size / entry.factor
    let side = latents / entry.transformer.patchSize
    let pixels = Double(entry.size * entry.size)
    let work = Workload(
      patches: side * side, textTokens: entry.readsCLIP ? 77 : entry.readsText ? tokens : 0, latents: latents * latents)
    let steps = entry.mode.steps
    let drawsPicture = steps.contains { $0.image == .drawn }
    let transformer = try entry.transformer.listing().costs(work)
    let autoencoder = try (entry.isSana ? deep.listing() : kl.listing()).costs(work)
    let text = try entry.readsText ? encoding(entry, work) : []
    let vision = try steps[0].image == .given ? visionCLIP.listing().costs(work) : []
    let words = try entry.drawsWords ? captions.listing().costs(work) : []
    // The caption decoder is there to read words too; what it takes to write some is of its blocks.
    let isTold = steps.last?.text == .drawn
    let once = [transformer, drawsPicture ? autoencoder : [], text, vision, isTold ? words : []]
    let multiplyAdds = Double(once.reduce(0) { $0 + $1.multiplyAdds(.picture) })
      + Double(entry.evaluations) * Double(transformer.multiplyAdds(.step))
    let numbers = [transformer, autoencoder, text, vision, words].reduce(0) { $0 + $1.total.parameters }
    // Encoders are read before the first step and released, but for a block of T5 at a time; pixels are made behind the last.
    let read = entry.readsCLIP ? Measured.weight * Double(text.total.parameters) : 0
    let pixel = entry.isSana ? Measured.deepPixel : Measured.pixel
    let shown = drawsPicture ? pixel * min(Measured.tile, pixels) : 0
    let memory = Measured.rest + Measured.weight * Double(transformer.total.parameters) + max(read, shown)
    let cells = [
      entry.name, entry.source, amount((entry.isSana ? 2 : 4) * Double(numbers), "B"), "`\(entry.command)`",
      "\(entry.steps)\(entry.branches)", amount(multiplyAdds, "MAC"), amount(memory, "B"),
      duration(multiplyAdds / Measured.rate),
    ]
    return "| " + cells.joined(separator: " | ") + " |"
  }

  private static func encoding(_ entry: Entry, _ work: Workload) throws -> [StageCost] {
    guard entry.isSana else { return try (entry.readsCLIP ? clip.listing() : t5.listing()).costs(work) }
    return try gemma.listing().costs(Workload(textTokens: instruction + tokens))
  }

  /// What comes beside a transformer: T5 v1.1 XXL or the text half of CLIP ViT-L/14, and Stable Diffusion's autoencoder, whose
  /// sizes SDXL's shares; beside UniDiffuser CLIP ViT-B/32 and a caption decoder of GPT-2's size.
  private static var t5: T5Configuration {
    get throws {
      try decoded(
        """
        {"d_model": 4096, "num_layers": 24, "num_heads": 64, "d_kv": 64, "d_ff": 10240, "vocab_size": 32128,
        "feed_forward_proj": "gated-gelu"}
        """)
    }
  }

  private static var clip: CLIPTextConfiguration {
    get throws { try decoded(#"{"hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072}"#) }
  }

  private static var visionCLIP: CLIPVisionConfiguration { get throws { try decoded("{}") } }

  private static var captions: CaptionConfiguration { get throws { try decoded(#"{"vocab_size": 50258}"#) } }

  private static var kl: AutoencoderKLConfiguration {
    get throws {
      try decoded(#"{"latent_channels": 4, "block_out_channels": [128, 256, 512, 512], "layers_per_block": 2}"#)
    }
  }

  /// Beside SANA: Gemma 2 of 2 billion parameters, and the autoencoder that shrinks 32 times.
  private static var gemma: Gemma2Configuration {
    get throws {
      try decoded(
        """
        {"vocab_size": 256000, "hidden_size": 2304, "num_hidden_layers": 26, "num_attention_heads": 8,
        "num_key_value_heads": 4, "intermediate_size": 9216}
        """)
    }
  }

  private static var deep: AutoencoderDCConfiguration {
    get throws {
      let blocks = #"["ResBlock", "ResBlock", "ResBlock", "EfficientViTBlock", "EfficientViTBlock", "EfficientViTBlock"]"#
      return try decoded(
        """
        {"encoder_block_types": \(blocks), "decoder_block_types": \(blocks), "decoder_layers_per_block": [3, 3, 3, 3, 3, 3],
        "upsample_block_type": "interpolate", "downsample_block_type": "conv"}
        """)
    }
  }

  private static func decoded<Value: Decodable>(_ text: String) throws -> Value {
    try JSONDecoder().decode(Value.self, from: Data(text.utf8))
  }

  /// "2.4 GB", "61 TMAC".
  private static func amount(_ value: Double, _ unit: String) -> String {
    let (scaled, prefix) = value < 1e12 ? (value / 1e9, "G") : (value / 1e12, "T")
    return String(format: scaled < 10 ? "%.1f" : "%.0f", scaled) + " \(prefix)\(unit)"
  }

  /// "40 s", "6 min", "1.9 h".
  private static func duration(_ seconds: Double) -> String {
    switch seconds {
    case ..<100: String(format: "%.0f s", seconds)
    case ..<6_000: String(format: "%.0f min", seconds / 60)
    default: String(format: "%.1f h", seconds / 3600)
    }
  }
}
