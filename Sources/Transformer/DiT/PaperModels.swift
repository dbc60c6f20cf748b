/// The twelve models of the DiT paper and its four schemes, with the numbers it prints (arXiv 2212.09748, table 4).
package enum PaperModels {
  /// "S/8", "S/4", "S/2", … "XL/2".
  package static let names = sizes.flatMap { size in [8, 4, 2].map { "\(size.name)/\($0)" } }

  private static let sizes = [
    (name: "S", depth: 12, width: 384, heads: 6), (name: "B", depth: 12, width: 768, heads: 12),
    (name: "L", depth: 24, width: 1024, heads: 16), (name: "XL", depth: 28, width: 1152, heads: 16),
  ]

  /// Depth, width, heads and patch size of "XL/2".
  package static func shape(_ name: String) -> (depth: Int, width: Int, heads: Int, patchSize: Int)? {
    let parts = name.uppercased().replacing("DIT-", with: "").split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let size = sizes.first(where: { $0.name == parts[0] }), let patch = Int(parts[1]),
      [2, 4, 8].contains(patch)
    else { return nil }
    return (size.depth, size.width, size.heads, patch)
  }

  /// A model of the paper: 1,000 classes of ImageNet, 4 latent channels, learned variance.
  /// - Parameter latentSize: 32 for pictures of 256 pixels, 64 for 512.
  package static func configuration(
    _ name: String, _ scheme: ConditioningScheme = .adaLNZero, latentSize: Int = 32
  ) -> DiTConfiguration? {
    guard let shape = shape(name) else { return nil }
    var configuration = DiTConfiguration(
      hiddenSize: shape.width, depth: shape.depth, heads: shape.heads, patchSize: shape.patchSize, inChannels: 4,
      classes: 1000, sampleSize: [latentSize, latentSize],
      positions: .perAxis(extent: Double(latentSize / shape.patchSize)))
    configuration.scheme = scheme
    return configuration
  }

  /// As printed: millions of parameters and 10⁹ multiply-adds at 256 pixels; nil where the paper has no number.
  package static func printed(_ name: String, _ scheme: ConditioningScheme) -> (parameters: String, gigaMACs: String)? {
    switch (name, scheme) {
    case ("XL/2", .inContext): ("449", "119.37")
    case ("XL/2", .crossAttention): ("598", "137.62")
    case ("XL/2", .adaLN): ("600", "118.56")
    case (_, .adaLNZero): adaLNZero[name].map { ($0.0, $0.1) }
    default: nil
    }
  }

  private static let adaLNZero = [
    "S/8": ("33", "0.36"), "S/4": ("33", "1.41"), "S/2": ("33", "6.06"),
    "B/8": ("131", "1.42"), "B/4": ("130", "5.56"), "B/2": ("130", "23.01"),
    "L/8": ("459", "5.01"), "L/4": ("458", "19.70"), "L/2": ("458", "80.71"),
    "XL/8": ("676", "7.39"), "XL/4": ("675", "29.05"), "XL/2": ("675", "118.64"),
  ]
}
