import DiTCheckpoints
import Foundation
import DiTTensors
import DiTTransformer

/// A transformer whose sizes are read off the shapes of its tensors, for files that come without a configuration.
struct RecognisedTransformer {
  let description: TransformerDescription
  /// Longest prompt in tokens, where the file tells (PixArt keeps a null caption of that length).
  let maximumTokens: Int?
  /// PixArt-Σ, whose latents are SDXL's.
  let isSigma: Bool

  /// - Throws: ``ModelError/notATransformer(path:what:)`` for anything else, `LoadError` for shapes that make no sense.
  init(_ checkpoint: Checkpoint, compatibility: DiTCompatibility?) throws {
    let shapes = Shapes(checkpoint)
    switch WeightsKind(checkpoint) {
    case .dit:
      description = .dit(try shapes.dit("x_embedder.proj", "y_embedder.embedding_table", "final_layer.linear")
        .following(compatibility ?? .official))
      (maximumTokens, isSigma) = (nil, false)
    case .diffusersDiT:
      let embedders = "transformer_blocks.0.norm1.emb."
      description = .dit(try shapes.dit("pos_embed.proj", embedders + "class_embedder.embedding_table", "proj_out_2")
        .following(compatibility ?? .diffusers))
      (maximumTokens, isSigma) = (nil, false)
    case .pixArt:
      maximumTokens = shapes.rows("y_embedder.y_embedding")
      isSigma = maximumTokens.map { $0 > 120 } ?? shapes.has("blocks.0.attn.q_norm.weight")
      description = .pixArt(try shapes.pixArt(
        "x_embedder.proj", "final_layer.linear", "y_embedder.y_proj.fc1", extent: "csize_embedder.mlp.0.weight"))
    case .diffusersPixArt:
      (maximumTokens, isSigma) = (nil, false)
      description = .pixArt(try shapes.pixArt(
        "pos_embed.proj", "proj_out", "caption_projection.linear_1",
        extent: "adaln_single.emb.resolution_embedder.linear_1.weight"))
    case .uvit:
      description = .uvit(try shapes.uvit())
      (maximumTokens, isSigma) = (nil, false)
    case .textDiT:
      // Its base grid is in no tensor.
      throw ModelError.missingPart(path: checkpoint.location, part: "config.json beside the weights")
    case let other: throw ModelError.notATransformer(path: checkpoint.location, what: other.rawValue)
    }
  }

  /// "28 blocks of width 1152, patches of 2, 4 latent channels, 1000 classes".
  var summary: String {
    var parts = [
      "\(description.depth) blocks of width \(description.hiddenSize)", "patches of \(description.patchSize)",
      "\(description.latentChannels) latent channels",
    ]
    if description.classes > 0 { parts.append("\(description.classes) classes") }
    if let size = description.textSize { parts.append("text of \(size) numbers a token") }
    return parts.joined(separator: ", ")
  }
}

/// Reads sizes off the shapes of a checkpoint.
private struct Shapes {
  let checkpoint: Checkpoint

  init(_ checkpoint: Checkpoint) { self.checkpoint = checkpoint }

  func has(_ name: String) -> Bool { checkpoint.contains(name) }
  func rows(_ name: String) -> Int? { checkpoint[name]?.shape.first }

  func shape(_ name: String, rank: Int) throws -> [Int] {
    guard let record = checkpoint[name] else {
      throw LoadError.missing(file: checkpoint.location, tensor: TensorName(name))
    }
    guard record.shape.count == rank, record.shape.allSatisfy({ (1...10_000_000).contains($0) }) else {
      throw LoadError.wrongShape(
        file: checkpoint.location, tensor: TensorName(name), expected: "\(rank) dimensions", found: "\(record.shape.prefix(8))")
    }
    return record.shape
  }

  /// One more than the largest n of `prefix.n.…`.
  func count(_ prefix: String) -> Int {
    let numbers = checkpoint.records.compactMap { record -> Int? in
      let name = record.name.string
      return name.hasPrefix(prefix) ? Int(name.dropFirst(prefix.count).prefix { $0 != "." }) : nil
    }
    return min(1_000, (numbers.max() ?? -1) + 1)
  }

  /// Heads of the published models: 72 numbers each at a width of 1152, 64 otherwise.
  func heads(_ width: Int) -> Int {
    let size = width % 1152 == 0 ? 72 : 64
    return width % size == 0 ? width / size : 1
  }

  /// The patch embedding: width, latent channels, patch size.
  func patches(_ name: String) throws -> (width: Int, channels: Int, patch: Int) {
    let shape = try shape(name + ".weight", rank: 4)
    guard shape[2] == shape[3], shape[0] % 4 == 0 else {
      throw LoadError.wrongShape(
        file: checkpoint.location, tensor: TensorName(name + ".weight"), expected: "[D, C, p, p]", found: "\(shape)")
    }
    return (shape[0], shape[1], shape[2])
  }

  /// Side of the latents whose positions are stored.
  func side(_ name: String, patch: Int, extra: Int = 0) throws -> Int? {
    guard has(name) else { return nil }
    let tokens = try shape(name, rank: 3)[1] - extra
    let side = Int(Double(max(0, tokens)).squareRoot().rounded())
    guard side > 0, side * side == tokens else {
      throw LoadError.malformed(
        file: checkpoint.location, tensor: TensorName(name), reason: "\(tokens) patches are no square")
    }
    return side * patch
  }

  /// Output channels of the final layer, which are the latents', or twice as many with variance.
  func learnsVariance(_ final: String, channels: Int, patch: Int) throws -> Bool {
    let rows = try shape(final + ".weight", rank: 2)[0]
    guard rows == patch * patch * channels || rows == 2 * patch * patch * channels else {
      throw LoadError.wrongShape(
        file: checkpoint.location, tensor: TensorName(final + ".weight"),
        expected: "\(patch * patch * channels) or \(2 * patch * patch * channels) rows", found: "\(rows)")
    }
    return rows == 2 * patch * patch * channels
  }

  func dit(_ embedding: String, _ classTable: String, _ final: String) throws -> DiTConfiguration {
    let (width, channels, patch) = try patches(embedding)
    let rows = try shape(classTable + ".weight", rank: 2)[0]
    let expansions = ["blocks.0.mlp.fc1.weight", "transformer_blocks.0.ff.net.0.proj.weight"]
    let mlp = try shape(expansions.first(where: has) ?? expansions[0], rank: 2)[0]
    // train.py always trains with a row for "none", the last.
    let hasNull = rows > 1
    // Without stored positions: the smaller of the two published sizes.
    let side = try side("pos_embed", patch: patch) ?? side("pos_embed.pos_embed", patch: patch) ?? 32
    var configuration = DiTConfiguration(
      hiddenSize: width, depth: max(count("blocks."), count("transformer_blocks.")), heads: heads(width),
      patchSize: patch, inChannels: channels, classes: hasNull ? rows - 1 : rows, hasNullClass: hasNull,
      learnsVariance: try learnsVariance(final, channels: channels, patch: patch), sampleSize: [side, side],
      positions: .perAxis(extent: Double(side / patch)))
    configuration.mlpRatio = Double(mlp) / Double(width)
    return configuration
  }

  func pixArt(_ embedding: String, _ final: String, _ caption: String, extent: String) throws -> PixArtConfiguration {
    let (width, channels, patch) = try patches(embedding)
    // Without stored positions: 1024 pixels, at which α is told the size and most of Σ was trained.
    let side = try side("pos_embed", patch: patch) ?? 128
    return PixArtConfiguration(
      hiddenSize: width, depth: max(count("blocks."), count("transformer_blocks.")), heads: heads(width),
      patchSize: patch, inChannels: channels,
      learnsVariance: try learnsVariance(final, channels: channels, patch: patch), sampleSize: side,
      captionSize: try shape(caption + ".weight", rank: 2)[1], readsExtent: has(extent),
      interpolationScale: Double(side) / 64)
  }

  func uvit() throws -> UViTConfiguration {
    let (width, channels, patch) = try patches("patch_embed.proj")
    let classes = has("label_emb.weight") ? try shape("label_emb.weight", rank: 2)[0] : nil
    let textWidth = has("context_embed.weight") ? try shape("context_embed.weight", rank: 2)[1] : nil
    // Every published text model reads CLIP's 77 tokens.
    let text = textWidth.map { UViTConfiguration.TextSize(width: $0, tokens: 77) }
    let extra = 1 + (classes == nil ? 0 : 1) + (text?.tokens ?? 0)
    var configuration = UViTConfiguration(
      hiddenSize: width, depth: 2 * count("in_blocks."), heads: heads(width), patchSize: patch, inChannels: channels,
      sampleSize: try side("pos_embed", patch: patch, extra: extra) ?? 0, classes: classes, text: text)
    configuration.mlpRatio = Double(try shape("mid_block.mlp.fc1.weight", rank: 2)[0]) / Double(width)
    configuration.hasQKVBias = has("mid_block.attn.qkv.bias")
    configuration.hasTimeMLP = has("time_embed.0.weight")
    configuration.hasConvolution = has("final_layer.weight")
    configuration.timestepOffset = 1
    return configuration
  }
}
