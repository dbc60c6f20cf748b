import Foundation
import DiTTensors

/// A low-rank adapter as it lies in a file (LoRA, arXiv 2106.09685; DoRA, 2402.09353; rsLoRA, 2312.03732): everything is
/// checked that can be without the model it changes.
///
/// Forms: a PEFT folder; a diffusers file, with settings in its header or without; older spellings of it; files of kohya,
/// OneTrainer, LyCORIS and SimpleTuner, whose names have `_` for `.`.
package struct LoRAFile: Sendable {
  package let location: String
  /// "PEFT folder", "kohya", …
  package let form: String
  package let layers: [LoRALayer]
  /// What the file says that changes nothing.
  package let notes: [String]
  /// The files it consists of, weights first.
  package let files: [URL]
  /// Nil: `dit-t2i teach` did not make it.
  package let taught: TaughtRecord?
  /// In how many steps a model draws with it; nil: as many as without.
  package let steps: Int?

  /// Opens a file, or a folder of PEFT's or with one such file.
  /// - Throws: ``LoRAError``, ``LoadError``, ``ConfigurationError``: one line that names the file and what is wrong in it.
  package init(_ url: URL) throws {
    let (weights, settingsFile) = try LoRAFile.place(url)
    let checkpoint = try openCheckpoint(at: weights)
    location = weights.path
    // A folder may hold one file of any name, or shards.
    var seen: Set<String> = []
    files = checkpoint.records.map(\.file.path).filter { seen.insert($0).inserted }.map { URL(fileURLWithPath: $0) }
      + (settingsFile.map { [$0] } ?? [])
    let settings = try settingsFile.map { file in
      try LoRASettings(
        readConfiguration(JSONValue.self, at: file, keepingNonFinite: true), source: "adapter_config.json", file: file.path)
    } ?? LoRAFile.settings(inHeaderOf: checkpoint)
    var reader = LayerReader(checkpoint)
    for record in checkpoint.records { try reader.add(record) }
    layers = try reader.layers(settings)
    notes = settings?.notes ?? []
    taught = TaughtRecord(checkpoint.metadata)
    steps = checkpoint.metadata["dit_t2i.steps"].flatMap { Int($0) }
    form = LoRAFile.form(layers, settings?.source)
  }

  /// Folder or file to the file of weights, and the settings beside it.
  private static func place(_ url: URL) throws -> (weights: URL, settings: URL?) {
    let manager = FileManager.default
    var isFolder: ObjCBool = false
    guard manager.fileExists(atPath: url.path, isDirectory: &isFolder) else {
      throw LoRAError(url.path, "no such LoRA file or folder", kind: .notFound)
    }
    let folder = isFolder.boolValue ? url : url.deletingLastPathComponent()
    let beside = folder.appendingPathComponent("adapter_config.json")
    let settings = manager.fileExists(atPath: beside.path) ? beside : nil
    guard isFolder.boolValue else {
      return (url, url.deletingPathExtension().lastPathComponent == "adapter_model" ? settings : nil)
    }
    let names = ["adapter_model.safetensors", "adapter_model.bin"]
      + (settings == nil ? ["pytorch_lora_weights.safetensors", "pytorch_lora_weights.bin"] : [])
    let found = names.lazy.map(folder.appendingPathComponent).first { manager.fileExists(atPath: $0.path) }
    guard found != nil || settings == nil else {
      throw LoRAError(url.path, "adapter_config.json without adapter_model.safetensors", kind: .notFound)
    }
    return (found ?? url, settings)
  }

  /// `lora_adapter_metadata` of diffusers: the settings of each part of the pipeline, "transformer.r" and so on.
  private static func settings(inHeaderOf checkpoint: Checkpoint) throws -> LoRASettings? {
    let key = "lora_adapter_metadata"
    guard let text = checkpoint.metadata[key] else { return nil }
    guard text.utf8.count <= 16 << 20, let data = try? normalisedJSON(Data(text.utf8), keepingNonFinite: true),
      let all = try? JSONDecoder().decode(JSONValue.self, from: data).object
    else { throw LoRAError(checkpoint.location, "\(key) in its header is no JSON object") }
    // Without the names of parts they are the one part's that there is.
    var fields = all.keys.contains { $0.contains(".") } ? [:] : all
    for (name, value) in all {
      guard let prefix = ["transformer.", "unet."].first(where: name.hasPrefix) else { continue }
      fields[String(name.dropFirst(prefix.count))] = value
    }
    return fields.isEmpty ? nil : try LoRASettings(.object(fields), source: key, file: checkpoint.location)
  }

  private static func form(_ layers: [LoRALayer], _ settings: String?) -> String {
    if settings == "adapter_config.json" { return "PEFT" }
    let first = layers.first?.storedName ?? ""
    let kinds = [
      ("lora_unet_", "kohya"), ("lora_transformer_", "OneTrainer"), ("lycoris_", "LyCORIS"), ("transformer.", "diffusers"),
      ("unet.", "diffusers (older)"), ("base_model.", "PEFT"), ("diffusion_model.", "ComfyUI"),
    ]
    let kind = kinds.first { first.hasPrefix($0.0) }?.1 ?? "plain names"
    return settings == nil ? kind : "\(kind) with settings in its header"
  }
}

/// What an adapter changes of one layer: W' = W + s·(α/r)·B·A, or with a magnitude m·V/‖V‖ of that V, row by row.
package struct LoRALayer: Sendable {
  /// As the file spells it.
  package let storedName: String
  /// Without what programs put before it.
  package let name: String
  package let rank: Int
  /// α/r, α/√r, or 1.
  package let scaling: Double
  /// Inputs of the layer, [inputs] or [inputs, height, width].
  let inputs: [Int]
  package let outputs: Int
  package var isDoRA: Bool { magnitude != nil }
  fileprivate let down, up: String
  fileprivate let magnitude: String?
  fileprivate let checkpoint: Checkpoint

  package var width: Int { inputs.reduce(1, *) }

  /// A [rank, inputs], B [outputs, rank], m [outputs], read anew each time: a large file is not kept as float32.
  func factors() throws -> (down: Tensor, up: Tensor, magnitude: Tensor?) {
    (try checkpoint.tensor(down), try checkpoint.tensor(up), try magnitude.map { try checkpoint.tensor($0) })
  }
}

/// Gathers the tensors of layers.
private struct LayerReader {
  private struct Parts {
    var down, up, alpha, magnitude: TensorRecord?
  }

  private let checkpoint: Checkpoint
  private var layers: [String: Parts] = [:]
  private var text: TensorRecord?
  private var other: TensorRecord?

  init(_ checkpoint: Checkpoint) { self.checkpoint = checkpoint }

  private func wrong(_ record: TensorRecord, _ reason: String) -> LoRAError {
    LoRAError(record.file.path, "tensor \(record.name): \(reason)")
  }

  mutating func add(_ record: TensorRecord) throws {
    let name = record.name.string
    guard let (layer, role) = LoRANames.parse(name) else {
      other = other ?? record
      return
    }
    if case .other(let what) = role { throw wrong(record, "this is \(what)") }
    if let model = LoRANames.foreignModel(name) { throw wrong(record, "this is a LoRA for \(model)") }
    guard !LoRANames.isOfTextEncoder(name) else {
      text = text ?? record
      return
    }
    guard [.f32, .f16, .bf16, .f64].contains(record.type) || (role == .alpha && !record.type.holdsWeights) else {
      throw wrong(record, "\(record.type.rawValue), which is not read in a LoRA: expected F32, F16, BF16 or F64")
    }
    func set(_ part: WritableKeyPath<Parts, TensorRecord?>) throws {
      var parts = layers[layer] ?? Parts()
      guard parts[keyPath: part] == nil else { throw wrong(record, "the layer has two of this") }
      parts[keyPath: part] = record
      layers[layer] = parts
    }
    switch role {
    case .down: try set(\.down)
    case .up: try set(\.up)
    case .alpha: try set(\.alpha)
    case .magnitude: try set(\.magnitude)
    case .other: break
    }
  }

  func layers(_ settings: LoRASettings?) throws -> [LoRALayer] {
    if let text {
      throw wrong(text, "this changes a text encoder, and only adapters of the transformer are read")
    }
    if let other {
      throw layers.isEmpty
        ? LoRAError(other.file.path, "no LoRA: it has no tensor of one, but \(other.name)")
        : wrong(other, "no part of a LoRA (a whole weight beside it is not read)")
    }
    guard !layers.isEmpty else { throw LoRAError(checkpoint.location, "no LoRA: it has no tensors") }
    let sorted = layers.sorted { $0.key < $1.key }
    let isDoRA = sorted.contains { $0.value.magnitude != nil }
    return try sorted.map { try layer($0.key, $0.value, settings, isDoRA) }
  }

  private func layer(_ name: String, _ parts: Parts, _ settings: LoRASettings?, _ isDoRA: Bool) throws -> LoRALayer {
    let some = parts.down ?? parts.up ?? parts.alpha ?? parts.magnitude
    guard let down = parts.down, let up = parts.up else {
      let missing =
        switch (parts.down, parts.up) {
        case (nil, nil): "neither A nor B"
        case (nil, _): "no A (lora_A, lora_down)"
        default: "no B (lora_B, lora_up)"
        }
      throw LoRAError(some?.file.path ?? checkpoint.location, "layer \(printable(name)) has \(missing)")
    }
    // A [r, in], [r, in, h, w]; B [out, r], [out, r, 1, 1].
    guard let rank = down.shape.first, [2, 4].contains(down.shape.count) else {
      throw wrong(down, "shape \(brief(down.shape)), expected [rank, inputs]")
    }
    guard [2, 4].contains(up.shape.count), up.shape.dropFirst(2).allSatisfy({ $0 == 1 }) else {
      throw wrong(up, "shape \(brief(up.shape)), expected [outputs, rank]")
    }
    guard up.shape[1] == rank else {
      throw wrong(up, "rank \(up.shape[1]), but \(down.name) has rank \(rank)")
    }
    guard LoRASettings.ranks.contains(rank) else {
      throw wrong(down, "rank \(rank), expected \(LoRASettings.ranks.lowerBound) to \(LoRASettings.ranks.upperBound)")
    }
    guard down.count > 0, up.count > 0 else { throw wrong(up.count > 0 ? down : up, "it is empty") }
    let bare = LoRANames.bare(name)
    if let settings {
      try settings.check(bare, rank: rank)
      guard settings.usesDoRA == (parts.magnitude != nil) else {
        throw wrong(
          parts.magnitude ?? down,
          settings.usesDoRA
            ? "\(settings.source) says use_dora, but its layer has no lora_magnitude_vector"
            : "a magnitude, but \(settings.source) does not say use_dora")
      }
    } else if isDoRA, parts.magnitude == nil {
      throw wrong(down, "other layers have a lora_magnitude_vector, this one has none")
    }
    if let magnitude = parts.magnitude {
      guard magnitude.count == up.shape[0], magnitude.shape.contains(magnitude.count) else {
        throw wrong(magnitude, "shape \(brief(magnitude.shape)), expected [\(up.shape[0])]")
      }
    }
    for record in [down, up, parts.magnitude].compactMap(\.self) { try checkFinite(record) }
    return LoRALayer(
      storedName: name, name: bare, rank: rank, scaling: try scaling(bare, parts.alpha, settings, rank: rank),
      inputs: Array(down.shape.dropFirst()), outputs: up.shape[0], down: down.name.string, up: up.name.string,
      magnitude: parts.magnitude?.name.string, checkpoint: checkpoint)
  }

  private func scaling(_ layer: String, _ alpha: TensorRecord?, _ settings: LoRASettings?, rank: Int) throws -> Double {
    let stated = try settings?.alpha(of: layer)
    var value = stated
    if let alpha {
      guard alpha.count == 1 else { throw wrong(alpha, "shape \(brief(alpha.shape)), expected one number") }
      let name = alpha.name.string
      let number = alpha.type.holdsWeights
        ? Double(try checkpoint.tensor(name).array[0]) : Double(try checkpoint.integers(name)[0])
      guard number.isFinite, number != 0, abs(number) <= 1e6 else { throw wrong(alpha, "alpha is \(number)") }
      if let stated, let settings, abs(stated - number) > 1e-3 * abs(stated) {
        throw wrong(alpha, "alpha is \(number), but \(settings.source) says \(stated)")
      }
      value = number
    }
    guard let value else { return 1 }  // without alpha it is the rank
    return value / (settings?.isRankStabilised == true ? Double(rank).squareRoot() : Double(rank))
  }

  private func checkFinite(_ record: TensorRecord) throws {
    guard try checkpoint.tensor(record.name.string).withFloats({ $0.allSatisfy(\.isFinite) }) else {
      throw wrong(record, "it holds a number that is not finite")
    }
  }
}
