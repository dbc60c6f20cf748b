import DiTDiffusion
import DiTModels

/// At which size a picture is drawn.
public enum Sizing: String, Sendable, CaseIterable {
  /// At the wanted size where the model's shapes hold together, else at one where they do: then it is reduced, or enlarged
  /// and drawn on.
  case auto
  /// At the wanted size, positions interpolated, whatever comes of it.
  case direct
}

/// One picture to draw.
public struct GenerationRequest: Sendable, Equatable {
  /// Empty: no text condition.
  public var prompt = ""
  /// The text of the other branch of guidance; empty: none.
  public var negativePrompt = ""
  /// Nil: no class.
  public var classIndex: Int?
  /// In pixels; what the model can draw, ``ModelFolder/check(_:)`` tells.
  public var size: PictureSize
  /// How many times larger the finished picture is than what is drawn, 1 to 4: Lanczos, which adds no detail.
  public var enlargement = 1
  /// Whether sizes that the model was not trained at are drawn at another one first.
  public var sizing = Sizing.auto
  /// The same seed gives the same picture here and the same noise in PyTorch.
  public var seed: UInt64 = 0

  /// Steps of the sampler, 1 to 1000.
  public var steps = 25
  /// "dpm++", "unipc", "heun", "euler", "ddim", "ddpm", "dpm++2m-sde", "dpm++3s", "euler_a", "lcm", "tcd", "dmd" or "scm".
  public var sampler = "dpm++"
  /// Where the noise levels lie; nil leaves it to the sampler.
  public var spacing: Spacing?
  /// DiT's respacing text ("250", "10,20,5", "ddim50"); it replaces `steps` and `spacing`.
  public var respacing: String?
  /// The share of fresh noise in DDIM, 0 to 1; in TCD its γ.
  public var eta: Double = 0

  /// What to start from instead of noise; it has the request's size.
  public var source: SourcePicture?
  /// How much of the way from noise is gone with a source: 1 is all of it, less keeps more of the picture.
  public var strength: Double = 1

  /// What is drawn of a picture and its words; all but pictures by a UniDiffuser alone. A pair has words of its own and reads no
  /// prompt; a variation reads its source.
  package var mode = DrawingMode.picture

  /// Adapters merged into the transformer for this picture, after those of ``ModelOptions/adapters``. Another set than the
  /// last drawing's takes as long as loading the transformer.
  public var adapters: [LoRA] = []

  /// How much more words and class count than nothing: 1 is no guidance, 0 to 100.
  public var guidanceScale: Float = 4
  /// Which noise channels guidance acts on.
  public var guidanceChannels = Guidance.Channels.all
  /// Timesteps where guidance acts; nil: all.
  public var guidanceInterval: ClosedRange<Float>?
  /// How much of guidance's part along the picture is kept, 0 to 1: less leaves colours and contrast as they were.
  public var guidanceParallel: Float = 1

  /// Largest relative change of the first block's residual at which the blocks behind it are skipped, 0 to 1; nil: all are
  /// computed in every step. It saves time and changes the picture a little.
  public var cacheThreshold: Float?
  /// In every how many guided steps the unconditional branch is computed, 1 to 4; between them the difference of both
  /// branches is continued from those.
  public var guidanceEvery = 1

  /// No words, no class, and this program's defaults; a model's own are in ``ModelFolder/defaultRequest``.
  public init(size: PictureSize) { self.size = size }

  /// "guidance 4, parallel 0.5, at 200,900": what differs from plain guidance is named.
  package var guidanceWords: String {
    let parts = [
      "guidance \(guidanceScale.brief)", guidanceParallel == 1 ? nil : "parallel \(guidanceParallel.brief)",
      guidanceInterval.map { "at \(TimestepInterval($0))" },
    ]
    return parts.compactMap { $0 }.joined(separator: ", ")
  }

  /// Of the picture that comes out, in pixels.
  package var finishedSize: PictureSize {
    PictureSize(width: size.width * enlargement, height: size.height * enlargement)
  }

  /// "cache 0.1, guidance every 2"; nil: nothing is left out.
  package var savingsWords: String? {
    let parts = [cacheThreshold.map { "cache \($0.brief)" }, guidanceEvery == 1 ? nil : "guidance every \(guidanceEvery)"]
    let words = parts.compactMap { $0 }.joined(separator: ", ")
    return words.isEmpty ? nil : words
  }

  /// Guidance, and what is left out.
  package var settingWords: String { [guidanceWords, savingsWords].compactMap { $0 }.joined(separator: ", ") }

  package var savings: Savings { Savings(threshold: cacheThreshold, guidanceEvery: guidanceEvery) }

  package var guidance: Guidance {
    Guidance(
      scale: guidanceScale, channels: guidanceChannels, interval: guidanceInterval, parallel: guidanceParallel)
  }

  /// Whether both can be drawn in one batch: all but words, class and seed is the same.
  public func sharesRun(with other: GenerationRequest) -> Bool {
    var same = other
    (same.prompt, same.negativePrompt, same.classIndex, same.seed) = (prompt, negativePrompt, classIndex, seed)
    return self == same
  }
}

/// "420,780": where guidance acts, as the command line and the metadata write it.
package struct TimestepInterval: Sendable, Equatable, CustomStringConvertible {
  package let range: ClosedRange<Float>

  package init(_ range: ClosedRange<Float>) { self.range = range }

  package init?(_ text: String) {
    let ends = text.split(separator: ",", omittingEmptySubsequences: false).map { Float($0) }
    guard ends.count == 2, let low = ends[0], let high = ends[1], low <= high else { return nil }
    range = low...high
  }

  package var description: String { "\(range.lowerBound.brief),\(range.upperBound.brief)" }
}

extension Float {
  /// Without ".0" where it is whole.
  var brief: String { self == rounded() && abs(self) < 1e9 ? String(Int(self)) : String(self) }
}
