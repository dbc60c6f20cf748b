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

  /// See ``ModelFolder/usualSizeNote``.
  static func note(native: PictureSize, drawn: PictureSize) -> String? {
    guard native == drawn else {
      return "the model was trained at \(native), which is not drawn here: \(drawn) is the nearest size"
    }
    let usual = PictureSize.limits.upperBound
    let times = Double(native.width * native.height) / Double(usual * usual)
    guard times > 1 else { return nil }
    let factors = [times, times * times].map { String(format: "%.3g", $0) }
    return "the model's own size, \(native), has \(factors[0]) times the patches of \(usual)x\(usual): a step takes "
      + "\(factors[0]) to \(factors[1]) times as long (--size)"
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
