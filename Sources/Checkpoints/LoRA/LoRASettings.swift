import Foundation

/// What a file says of its own adapter: PEFT's `adapter_config.json`, or the same fields in the header of a diffusers file
/// (`__metadata__.lora_adapter_metadata`).
struct LoRASettings: Sendable {
  /// "adapter_config.json" or "lora_adapter_metadata".
  let source: String
  private let file: String
  private let rank: Int
  private let alpha: Double
  private let rankPattern: [LayerPattern: Int]
  private let alphaPattern: [LayerPattern: Double]
  /// α/√r in place of α/r (arXiv 2312.03732).
  let isRankStabilised: Bool
  let usesDoRA: Bool
  private let targets: Targets
  /// What it says that changes nothing here.
  let notes: [String]

  private enum Targets: Sendable {
    case all
    case names([String])
    case pattern(LayerPattern)
  }

  static let ranks = 1...16_384

  /// - Parameter file: for messages.
  /// - Throws: ``LoRAError`` naming the field.
  init(_ fields: JSONValue, source: String, file: String) throws {
    func wrong(_ reason: String) -> LoRAError { LoRAError(file, file.hasSuffix(source) ? reason : "\(source): \(reason)") }
    guard fields.object != nil else { throw wrong("no object of settings") }
    func field(_ name: String) -> JSONValue? { if case .null? = fields[name] { nil } else { fields[name] } }
    func flag(_ name: String) throws -> Bool {
      guard let value = field(name) else { return false }
      guard let flag = value.bool else { throw wrong("\(name): expected true or false") }
      return flag
    }
    func patterns<Value>(_ name: String, _ expected: String, _ read: (JSONValue) -> Value?) throws -> [LayerPattern: Value] {
      guard let value = field(name) else { return [:] }
      guard let object = value.object, object.count <= 10_000 else { throw wrong("\(name): expected names with \(expected)") }
      return try Dictionary(
        uniqueKeysWithValues: object.map { key, value in
          guard let value = read(value) else { throw wrong("\(name): \(printable(key)): expected \(expected)") }
          return (try LayerPattern(key, in: "\(source): \(name)", of: file), value)
        })
    }
    let readRank = { (value: JSONValue) in value.integer.flatMap { LoRASettings.ranks.contains($0) ? $0 : nil } }
    let readAlpha = { (value: JSONValue) in value.number.flatMap { $0.isFinite && $0 != 0 && abs($0) <= 1e6 ? $0 : nil } }
    let rankWords = "a rank from \(Self.ranks.lowerBound) to \(Self.ranks.upperBound)"
    let alphaWords = "a number up to 1000000 that is not 0"

    if let type = field("peft_type")?.string, type.uppercased() != "LORA" {
      throw wrong("peft_type is \(printable(type)), another method than LoRA")
    }
    // PEFT's defaults.
    guard let rank = field("r").map(readRank) ?? 8 else { throw wrong("r: expected \(rankWords)") }
    guard let alpha = field("lora_alpha").map(readAlpha) ?? 8 else { throw wrong("lora_alpha: expected \(alphaWords)") }
    (self.source, self.file, self.rank, self.alpha) = (source, file, rank, alpha)
    rankPattern = try patterns("rank_pattern", rankWords, readRank)
    alphaPattern = try patterns("alpha_pattern", alphaWords, readAlpha)
    isRankStabilised = try flag("use_rslora")
    usesDoRA = try flag("use_dora")
    targets =
      switch field("target_modules") {
      case nil, .string("all-linear"): .all
      case .string(let pattern)?: .pattern(try LayerPattern(pattern, in: "\(source): target_modules", of: file))
      case .array(let names)?: .names(names.compactMap(\.string))
      default: throw wrong("target_modules: expected names, or one expression")
      }

    if let bias = field("bias"), bias != .string("none") {
      throw wrong("bias is \(bias.string.map(printable) ?? "odd"): trained biases are not read")
    }
    if try flag("lora_bias") { throw wrong("lora_bias: biases of an adapter are not read") }
    if let saved = field("modules_to_save"), saved != .array([]) {
      let name = (saved.string ?? saved.array?.first?.string).map(printable) ?? ""
      throw wrong("modules_to_save (\(name)): whole layers beside the adapter are not read")
    }
    // PiSSA, OLoRA, CorDA and LoftQ change the base weights before they train.
    let harmless = ["gaussian", "eva", "orthogonal", "true", "false"]
    if let start = field("init_lora_weights")?.string?.lowercased(), !harmless.contains(start) {
      throw wrong(
        "init_lora_weights is \(printable(start)), which changes the model's own weights first; save it converted to plain LoRA")
    }
    for name in Self.unread {
      switch field(name) {
      case nil, .bool(false), .array([]), .object([:]): break
      default: throw wrong("\(name) is not read")
      }
    }
    var notes: [String] = []
    if try flag("fan_in_fan_out") { notes.append("\(source): fan_in_fan_out means nothing for these layers") }
    let known = Self.known.union(Self.unread)
    let others = (fields.object ?? [:]).filter { key, value in
      switch value {
      case .null, .bool(false), .array([]), .object([:]): false
      default: !known.contains(key)
      }
    }
    if !others.isEmpty {
      notes.append("\(source): not used here: \(others.keys.sorted().prefix(6).map(printable).joined(separator: ", "))")
    }
    self.notes = notes
  }

  /// Settings that change what the numbers mean.
  private static let unread = [
    "layer_replication", "trainable_token_indices", "target_parameters", "alora_invocation_tokens", "use_qalora",
    "use_bdlora", "arrow_config", "kasa_config", "velora_config", "monteclora_config",
  ]
  /// Settings that are read, or are about training alone.
  private static let known: Set = [
    "peft_type", "r", "lora_alpha", "rank_pattern", "alpha_pattern", "use_rslora", "use_dora", "target_modules", "bias",
    "lora_bias", "modules_to_save", "init_lora_weights", "fan_in_fan_out", "auto_mapping", "base_model_name_or_path",
    "corda_config", "ensure_weight_tying", "eva_config", "exclude_modules", "inference_mode", "layers_pattern",
    "layers_to_transform", "loftq_config", "lora_dropout", "lora_ga_config", "megatron_config", "megatron_core",
    "peft_version", "qalora_group_size", "revision", "task_type", "runtime_config",
  ]

  // MARK: of a layer

  /// - Parameter layer: without prefix.
  /// - Throws: ``LoRAError`` where the settings name another rank than the tensors have, or do not name the layer.
  func check(_ layer: String, rank found: Int) throws {
    let ranks = try rankPattern.filter { try $0.key.matches(layer) }.values
    guard ranks.isEmpty ? found == rank : ranks.contains(found) else {
      let stated = ranks.sorted().first ?? rank
      throw LoRAError(file, "\(source) says rank \(stated) for \(printable(layer)), its tensors have \(found)")
    }
    let isTarget =
      switch targets {
      case .all: true
      case .names(let names): names.contains { layer == $0 || layer.hasSuffix(".\($0)") }
      case .pattern(let pattern): try pattern.matches(layer, whole: true)
      }
    guard isTarget else { throw LoRAError(file, "\(source): target_modules do not name \(printable(layer))") }
  }

  /// α of a layer.
  func alpha(of layer: String) throws -> Double {
    let found = try Set(alphaPattern.filter { try $0.key.matches(layer) }.values)
    guard found.count <= 1 else {
      throw LoRAError(file, "\(source): alpha_pattern gives \(printable(layer)) \(found.count) values")
    }
    return found.first ?? alpha
  }
}

/// A name of layers in PEFT's settings, which is a regular expression: it is matched in bounded time.
struct LayerPattern: Hashable, Sendable {
  private let text: String
  private let file: String
  /// Nil for a plain name, in which only dots are special.
  private let expression: Expression?

  /// `NSRegularExpression` does not change after it is made.
  private struct Expression: @unchecked Sendable {
    let whole, suffix: NSRegularExpression
  }

  private static let steps = 200

  init(_ text: String, in setting: String, of file: String) throws {
    (self.text, self.file) = (text, "\(file): \(setting)")
    guard !text.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" || $0 == "." }) else {
      expression = nil
      return
    }
    guard text.utf8.count <= 10_000, let whole = try? NSRegularExpression(pattern: "^(?:\(text))$"),
      let suffix = try? NSRegularExpression(pattern: "^(?:.*\\.)?(?:\(text))$")
    else { throw LoRAError(file, "\(setting): \(printable(text)) is no expression") }
    expression = Expression(whole: whole, suffix: suffix)
  }

  static func == (a: LayerPattern, b: LayerPattern) -> Bool { a.text == b.text }
  func hash(into hasher: inout Hasher) { hasher.combine(text) }

  /// - Parameter whole: the whole name must match, and not only its end after a dot.
  /// - Throws: ``LoRAError`` where that takes too long.
  func matches(_ layer: String, whole: Bool = false) throws -> Bool {
    guard let expression else { return layer == text || (!whole && layer.hasSuffix("." + text)) }
    var found = false
    var calls = 0
    (whole ? expression.whole : expression.suffix).enumerateMatches(
      in: layer, options: .reportProgress, range: NSRange(layer.startIndex..., in: layer)
    ) { match, _, stop in
      calls += 1
      if match != nil { found = true }
      if found || calls > Self.steps { stop.pointee = true }
    }
    guard found || calls <= Self.steps else { throw LoRAError(file, "\(printable(text)) takes too long to match") }
    return found
  }
}
