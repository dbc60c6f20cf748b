import Foundation

/// How a picture was made, as any of the programs stores it that people have pictures of.
package struct PictureSettings: Equatable, Sendable {
  /// Which program wrote them, as far as they tell.
  package var program: String
  /// What they say, under the names of the web UI.
  package var parameters: GenerationParameters

  private static let invoke = "invokeai_metadata", oldInvoke = "sd-metadata", comfy = "prompt"
  /// Of the texts that are looked at.
  static let keywords = [GenerationParameters.keyword, invoke, oldInvoke, comfy, "workflow", "Software", "Comment", "Description"]

  /// The settings in the texts of a file; nil where there are none that are understood.
  package init?(texts: [PNGText]) {
    func json(_ keyword: String) -> [String: Any]? {
      texts.first { $0.keyword == keyword }.flatMap { JSONSettings.object($0.text) }
    }
    if let text = texts.first(where: { $0.keyword == GenerationParameters.keyword })?.text {
      if let settings = JSONSettings.object(text) {
        self.init("a program that writes JSON", JSONSettings.parameters(settings))
      } else {
        let parameters = GenerationParameters(text: text)
        let version = parameters["Version"] ?? ""  // of the web UI and its kin a bare number
        self.init(version.prefix { $0.isLetter }.count > 1 ? version : "web UI \(version)", parameters)
      }
    } else if let settings = json(Self.invoke) {
      self.init("InvokeAI", JSONSettings.parameters(settings))
    } else if let settings = json(Self.oldInvoke), let image = settings["image"] as? [String: Any] {
      self.init("InvokeAI", JSONSettings.parameters(image.merging(settings) { inner, _ in inner }))
    } else if let nodes = json(Self.comfy) {
      self.init("ComfyUI", ComfyWorkflow(nodes).parameters)
    } else if texts.contains(PNGText("Software", "NovelAI")), let settings = json("Comment") {
      let prompt = texts.first { $0.keyword == "Description" }?.text ?? ""
      self.init("NovelAI", JSONSettings.parameters(settings.merging(["prompt": prompt]) { inner, _ in inner }))
    } else {
      return nil
    }
  }

  private init(_ program: String, _ parameters: GenerationParameters) {
    (self.program, self.parameters) = (program, parameters)
  }
}

/// Settings that are an object of JSON, whose keys mean much the same in all programs.
enum JSONSettings {
  /// Nil where the text is no object.
  static func object(_ text: String) -> [String: Any]? {
    guard text.utf8.first(where: { $0 > 0x20 }) == UInt8(ascii: "{") else { return nil }
    let read = { (text: String) in try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] }
    return read(text) ?? read(text.replacing("NaN", with: "null"))  // Python writes what JSON does not have
  }

  static func parameters(_ object: [String: Any]) -> GenerationParameters {
    func text(_ keys: String...) -> String? { keys.lazy.compactMap { plain(object[$0]) }.first }
    var result = GenerationParameters(
      prompt: text("positive_prompt", "prompt") ?? prompts(object["prompt"]),
      negativePrompt: text("negative_prompt", "uc") ?? "")
    // InvokeAI's adapters, as the web UI writes them.
    for adapter in object["loras"] as? [[String: Any]] ?? [] {
      let model = adapter["model"] as? [String: Any] ?? adapter["lora"] as? [String: Any]
      result.addAdapter(plain(model?["name"]) ?? plain(model?["model_name"]), plain(adapter["weight"]))
    }
    result["Steps"] = text("steps")
    result["Sampler"] = text("sampler_name", "sampler", "scheduler")
    result["Schedule type"] = text("sampler_name", "sampler") == nil ? nil : text("scheduler")
    result["CFG scale"] = text("cfg_scale", "cfg", "guidance_scale", "scale")
    result["Seed"] = text("seed", "noise_seed")
    if let width = text("width"), let height = text("height") { result["Size"] = "\(width)x\(height)" }
    let model = object["model"] as? [String: Any]
    result["Model"] =
      text("model_weights", "base_model", "ckpt_name", "model") ?? plain(model?["name"]) ?? plain(model?["model_name"])
    return result
  }

  /// A string or a number as text; nil for anything else.
  static func plain(_ value: Any?) -> String? {
    switch value {
    case let text as String: text
    case let number as NSNumber: "\(number)"
    default: nil
    }
  }

  /// InvokeAI's older form: `[{"prompt": "…", "weight": 1}]`.
  private static func prompts(_ value: Any?) -> String {
    (value as? [[String: Any]] ?? []).compactMap { plain($0["prompt"]) }.joined(separator: " ")
  }
}

/// The graph that ComfyUI stores under "prompt": nodes by number, whose inputs are values or links to other nodes.
struct ComfyWorkflow {
  private let nodes: [String: [String: Any]]

  init(_ object: [String: Any]) { nodes = object.compactMapValues { $0 as? [String: Any] } }

  /// What the first sampler is given, and the kinds of nodes there are.
  var parameters: GenerationParameters {
    let sorted = nodes.sorted { $0.key.compare($1.key, options: .numeric) == .orderedAscending }.map(\.value)
    let inputs = sorted.map { $0["inputs"] as? [String: Any] ?? [:] }
    let sampler = inputs.first { $0["steps"] != nil && ($0["seed"] ?? $0["noise_seed"]) != nil } ?? [:]
    var all = sampler
    for key in ["width", "height", "ckpt_name"] where all[key] == nil {
      all[key] = inputs.compactMap { JSONSettings.plain($0[key]) }.first
    }
    var result = JSONSettings.parameters(all)
    result.prompt = text(from: sampler["positive"]) ?? ""
    result.negativePrompt = text(from: sampler["negative"]) ?? ""
    for input in inputs {
      result.addAdapter(JSONSettings.plain(input["lora_name"]), JSONSettings.plain(input["strength_model"]))
    }
    let kinds = Set(sorted.compactMap { JSONSettings.plain($0["class_type"]) }).sorted()
    result["Nodes"] = kinds.isEmpty ? nil : kinds.joined(separator: ", ")
    return result
  }

  /// The words that a link leads to, by way of nodes that pass them on.
  private func text(from link: Any?, depth: Int = 0) -> String? {
    if depth > 0, let text = link as? String { return text }
    guard depth < 6, let name = (link as? [Any])?.first as? String, let inputs = nodes[name]?["inputs"] as? [String: Any]
    else { return nil }
    for key in ["text", "text_g", "string", "value", "conditioning", "conditioning_1", "positive"] {
      if let found = text(from: inputs[key], depth: depth + 1) { return found }
    }
    return nil
  }
}

extension GenerationParameters {
  /// Puts an adapter's name, which may be a path with an ending, and its scale into the prompt: `<lora:name:0.8>`.
  fileprivate mutating func addAdapter(_ path: String?, _ scale: String?) {
    guard let name = path?.split(whereSeparator: { "/\\".contains($0) }).last, name != "None",
      !name.contains(where: { ":<>".contains($0) })
    else { return }
    prompt += (prompt.isEmpty ? "" : " ") + "<lora:\(name):\(scale.flatMap { Float($0) } ?? 1)>"
  }
}
