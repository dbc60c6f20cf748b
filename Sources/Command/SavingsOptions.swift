import ArgumentParser
import DiTArguments
import DiTModels
import DiTTextToImage

/// What may be left out of a drawing to save time: the same wherever pictures are drawn.
struct SavingsOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Skip what hardly changes from step to step: by the model's own threshold (auto, what --cache alone means), by one "
        + "from 0 to 1, or off. (default: off)",
      valueName: "auto|threshold|off"),
    completion: .list(["auto", "off"]),
    transform: Reading.value("auto, off or a threshold from 0 to 1, 0.1 for instance") { CacheChoice($0) })
  var cache: CacheChoice?

  @Option(
    help: ArgumentHelp(
      "Compute what guidance compares with in every 2nd, 3rd or 4th step alone. (default: 1, every step; with --cache "
        + "the model's)",
      valueName: "steps"), transform: Reading.whole(1...4))
  var guidanceEvery: Int?

  /// - Throws: `RequestError` where the model has no threshold of its own.
  func apply(to request: inout GenerationRequest, _ folder: ModelFolder) throws {
    switch cache {
    case .automatic:
      guard let own = folder.cache else { throw RequestError.noCacheThreshold(folder.name) }
      (request.cacheThreshold, request.guidanceEvery) = (own.threshold, own.guidanceEvery)
    case .threshold(let threshold): request.cacheThreshold = threshold
    case .off: (request.cacheThreshold, request.guidanceEvery) = (nil, 1)
    case nil: break
    }
    if let guidanceEvery { request.guidanceEvery = guidanceEvery }
  }
}

/// The value of `--cache`.
enum CacheChoice: Equatable {
  case automatic, off
  case threshold(Float)

  init?(_ text: String) {
    switch text.lowercased() {
    case "auto": self = .automatic
    case "off": self = .off
    default:
      guard let threshold = Float(text), (0...1).contains(threshold) else { return nil }
      self = .threshold(threshold)
    }
  }

  /// Whether what stands behind `--cache` is meant as its value, if a wrong one, and not as the first word of a prompt: "1 fox"
  /// is a prompt.
  static func isValue(_ arguments: ArraySlice<String>) -> Bool {
    guard let word = arguments.first?.lowercased() else { return false }
    if ["auto", "off"].contains(word) { return true }
    let isNumber = Float(word.replacing(",", with: ".")) != nil
    guard isNumber || ["on", "true", "false", "yes", "no", "none"].contains(word) else { return false }
    // At the end, or before an option or a quoted prompt.
    let next = arguments.dropFirst().first
    return isNumber && word.contains { ".,".contains($0) } || (next.map { $0.hasPrefix("-") || $0.contains(" ") } ?? true)
  }
}
