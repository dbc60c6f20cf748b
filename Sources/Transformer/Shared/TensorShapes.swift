import DiTCheckpoints

/// Reads sizes off the shapes of a checkpoint, for files that come without a configuration.
package struct TensorShapes {
  private let checkpoint: Checkpoint

  package init(_ checkpoint: Checkpoint) { self.checkpoint = checkpoint }

  func has(_ name: String) -> Bool { checkpoint.contains(name) }
  func rows(_ name: String) -> Int? { checkpoint[name]?.shape.first }

  /// - Throws: `LoadError` where it is missing, of another rank or of an impossible size.
  func shape(_ name: String, rank: Int) throws -> [Int] {
    try checkpoint.shape(of: name, rank: rank, most: 10_000_000)
  }

  func wrong(_ name: String, _ expected: String, _ found: String) -> LoadError {
    .wrongShape(file: checkpoint.location, tensor: TensorName(name), expected: expected, found: found)
  }

  /// One more than the largest n of `prefix.n.…`.
  func count(_ prefix: String) -> Int {
    let numbers = checkpoint.records.compactMap { record -> Int? in
      let name = record.name.string
      return name.hasPrefix(prefix) ? Int(name.dropFirst(prefix.count).prefix { $0 != "." }) : nil
    }
    return min(1_000, (numbers.max() ?? -1) + 1)
  }

  /// How many tensors begin and end so.
  func count(_ prefix: String, having suffix: String) -> Int {
    checkpoint.records.count { $0.name.string.hasPrefix(prefix) && $0.name.string.hasSuffix(suffix) }
  }

  /// Heads of the published models: 72 numbers each at a width of 1152, 64 otherwise.
  func heads(_ width: Int) -> Int {
    let size = width % 1152 == 0 ? 72 : 64
    return width % size == 0 ? width / size : 1
  }

  /// The patch embedding: width, latent channels, patch size.
  func patches(_ name: String) throws -> (width: Int, channels: Int, patch: Int) {
    let shape = try shape(name + ".weight", rank: 4)
    guard shape[2] == shape[3], shape[0] % 4 == 0 else { throw wrong(name + ".weight", "[D, C, p, p]", "\(shape)") }
    return (shape[0], shape[1], shape[2])
  }

  /// Side of the latents whose positions are stored.
  func side(_ name: String, patch: Int, extra: Int = 0, of model: String? = nil) throws -> Int? {
    guard has(name) else { return nil }
    let tokens = try shape(name, rank: 3)[1] - extra
    guard let side = TensorShapes.root(of: tokens) else {
      throw LoadError.malformed(
        file: checkpoint.location, tensor: TensorName(name),
        reason: "\(tokens) patches\(model.map { " of a \($0)" } ?? "") are no square")
    }
    return side * patch
  }

  /// Nil where the number is no square.
  private static func root(of number: Int) -> Int? {
    let side = Int(Double(max(0, number)).squareRoot().rounded())
    return side > 0 && side * side == number ? side : nil
  }

  /// Text tokens that have positions: as many as the model's tokenizer gives, where a square of patches is then left; else
  /// CLIP's 77, which all published U-ViT and UniDiffuser read.
  /// - Parameter others: tokens that are neither text nor patches.
  func textTokens(_ hints: ModelHints, others: Int) throws -> Int {
    guard let stated = try hints.maximumTokens().flatMap({ Int(exactly: $0) }), has("pos_embed") else { return 77 }
    return TensorShapes.root(of: try shape("pos_embed", rank: 3)[1] - others - stated) == nil ? 77 : stated
  }

  /// Output channels of the final layer, which are the latents', or twice as many with variance.
  func learnsVariance(_ final: String, channels: Int, patch: Int) throws -> Bool {
    let rows = try shape(final + ".weight", rank: 2)[0]
    guard rows == patch * patch * channels || rows == 2 * patch * patch * channels else {
      throw wrong(
        final + ".weight", "\(patch * patch * channels) or \(2 * patch * patch * channels) rows", "\(rows)")
    }
    return rows == 2 * patch * patch * channels
  }

  /// For what stands in no tensor.
  func needsConfiguration() -> LoadError {
    .malformed(file: checkpoint.location, reason: "the model folder has no config.json beside the weights")
  }
}
