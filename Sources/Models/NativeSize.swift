import DiTTransformer
import Foundation

/// The size that a model was trained at, where its files leave it open.
package enum NativeSize {
  /// The side in pixels that a name tells: `PixArt-Sigma-XL-2-256x256.pth`, `DiT-XL-2-512`, `…-2K-MS`.
  static func side(inName name: String) -> Int? {
    if name.firstMatch(of: /(?:^|[^0-9a-z])2k(?:[^0-9a-z]|$)/.ignoresCase()) != nil { return 2048 }
    let sides = name.matches(of: /(?:^|[^0-9])(256|512|1024|2048)(?:x(\d+))?(?:px)?(?![0-9])/.ignoresCase())
      .filter { $0.2 == nil || $0.2 == $0.1 }.compactMap { Int($0.1) }
    return Set(sides).count == 1 ? sides[0] : nil
  }

  /// The transformer at the size that the user says, or else that its name tells where its file does not.
  /// - Parameter factor: pixels along one side of a latent.
  /// - Returns: and a line that says what was assumed.
  /// - Throws: ``ModelError/noBaseSize(path:reason:)``.
  package static func applied(
    to transformer: any TransformerConfiguration, _ asked: Int?, file: URL, factor: Int
  ) throws -> (transformer: any TransformerConfiguration, note: String?) {
    let step = factor * transformer.patchSize
    let named = transformer.isSizeAssumed
      ? HubCache.names(of: file).lazy.compactMap(side).first { $0 % step == 0 } : nil
    guard let side = asked ?? named else {
      let own = transformer.latentSize[0] * factor
      let note = transformer.isSizeAssumed
        ? "\(file.lastPathComponent) does not say what size it was trained at; \(own) pixels are assumed (--base-size)" : nil
      return (transformer, note)
    }
    guard side % step == 0 else {
      throw ModelError.noBaseSize(path: file.path, reason: "\(side) pixels are not a multiple of \(step)")
    }
    guard let found = transformer.trained(at: side / factor) else {
      let own = transformer.latentSize[0] * factor
      guard own != side else { return (transformer, nil) }
      throw ModelError.noBaseSize(path: file.path, reason: "the model's own files say that it was trained at \(own) pixels")
    }
    let note = asked == nil
      ? "\(file.lastPathComponent) does not say what size it was trained at; \(side) pixels are taken from its name (--base-size)"
      : nil
    return (found, note)
  }

  /// A line for a model whose own size is large, or is not drawn.
  static func limitNote(_ transformer: any TransformerConfiguration, factor: Int, fixed: Bool) -> String? {
    let native = PictureSize(width: transformer.latentSize[1] * factor, height: transformer.latentSize[0] * factor)
    let limits = transformer.sizeLimits(factor: factor)
    let nearest = native.nearestLegal(step: factor * transformer.patchSize, within: limits)
    guard !fixed else { return nil }
    if nearest == native {
      let area = PictureSize.limits.upperBound * PictureSize.limits.upperBound
      let times = Double(native.width * native.height) / Double(area)
      guard times > 1 else { return nil }
      return String(
        format: "the model's own size, %@, has %.3g times the patches of 1024x1024: a step takes %.3g to %.3g times as long "
          + "(--size)",
        "\(native)", times, times, times * times)
    }
    return "the model was trained at \(native), which is not drawn here: \(nearest) is the nearest size"
  }
}

extension TransformerConfiguration {
  /// Sides of the pictures that are drawn: more than 1024 pixels only by models that were trained so.
  /// - Parameter factor: pixels along one side of a latent.
  package func sizeLimits(factor: Int) -> ClosedRange<Int> {
    let usual = PictureSize.limits
    return usual.lowerBound...min(max(usual.upperBound, (latentSize.max() ?? 0) * factor), PictureSize.largest)
  }
}
