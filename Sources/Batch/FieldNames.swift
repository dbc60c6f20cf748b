/// What the fields of a prompt table are called, by us and by others.
package enum FieldNames {
  /// Our options, and what they are called by other programs and data sets.
  package static let options: [String: [String]] = [
    "negative": ["negative-prompt", "negative-prompts", "neg-prompt", "neg", "negative-text"],
    "class": ["class-name", "class-label", "class-labels", "class-id"],
    "count": ["n-iter", "batch-count", "num-images", "num-images-per-prompt", "num-samples"],
    "seed": ["random-seed"],
    "steps": [
      "num-steps", "num-inference-steps", "inference-steps", "sampling-steps", "num-sampling-steps", "sample-steps",
      "ddim-steps",
    ],
    "guidance": ["guidance-scale", "cfg", "cfg-scale"],
    "sampler": ["sampler-name", "sampling-method"],
    "size": ["resolution", "image-size"],
    "eta": ["ddim-eta"],
    "image": ["init-image", "init-img", "input-image", "start-image"],
    "mask": ["mask-image", "mask-img"],
    "strength": ["denoising-strength", "denoise"],
    "lora": ["loras"],
  ]

  /// Names that are plain in a column, and would be taken for something else before a value.
  private static let columns: [String: [String]] = [
    "prompt": ["prompts", "positive-prompt", "text", "caption"],
    "count": ["n", "num"], "width": ["w"], "height": ["h"],
  ]

  /// Case does not count, nor whether words are joined by `-`, `_` or a blank.
  private static let aliases = options.merging(columns) { $0 + $1 }

  private static let canonical = Dictionary(
    aliases.flatMap { name, others in ([name] + others).map { ($0, name) } }, uniquingKeysWith: { first, _ in first })

  /// Fields whose value is a whole number: tables that went through floating point have 3.0 for 3.
  private static let whole: Set<String> = ["count", "seed", "steps", "width", "height", "size"]

  /// `Negative_Prompt` → `negative`; nil where no option can be called so.
  static func option(_ field: String) -> String? {
    let name = field.trimmingCharacters(in: .whitespaces).lowercased().replacing("_", with: "-").replacing(" ", with: "-")
    guard name.wholeMatch(of: /[a-z][a-z0-9-]*/) != nil else { return nil }
    return canonical[name] ?? name
  }

  /// Whether a name is one of ours that has others, and so one that a table cannot mean otherwise.
  static func isOurs(_ option: String) -> Bool { aliases[option] != nil }

  /// Of columns that mean the same, the one that is called as we do, or else the first: nil at the others' places, and at
  /// those of names that no option has.
  static func options(_ fields: [String]) -> [String?] {
    let options = fields.map(option)
    return zip(fields, options).enumerated().map { index, one in
      guard let option = one.1 else { return nil }
      let chosen = fields.firstIndex(of: option) ?? options.firstIndex(of: option)
      return chosen == index ? option : nil
    }
  }

  /// A line of fields by our names; nil is an option without a value.
  static func line(_ number: Int, _ fields: [(option: String, value: String?)]) throws(LineError) -> PromptLine {
    var line = PromptLine(number: number, prompt: nil)
    var sides: [String: String] = [:]
    for (option, given) in fields {
      guard let given else {
        line.options.append("--\(option)")
        continue
      }
      let value = whole.contains(option) ? given.replacing(/([0-9]+)\.0+\b/) { $0.1 } : given
      switch option {
      case "prompt": line.prompt = value
      case "width", "height": sides[option] = value
      default: line.options += value.isEmpty ? ["--\(option)", ""] : ["--\(option)=\(value)"]
      }
    }
    switch (sides["width"], sides["height"]) {
    case (let width?, let height?): line.options.append("--size=\(width)x\(height)")
    case (nil, nil): break
    case (_?, nil): throw LineError("a width without a height: give both, or size, 384x256")
    case (nil, _?): throw LineError("a height without a width: give both, or size, 384x256")
    }
    return line
  }
}
