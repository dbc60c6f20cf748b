import DiTModels
import DiTTensors
import DiTTransformer

/// Prompts to text states, each computed once.
extension DrawingSession {
  /// Numbers of text states that are kept: 256 MB.
  private static let keptNumbers = 64 << 20

  /// Text states of a prompt without its weights, [tokens, size]; computed once for each prompt. Nil where the model
  /// reads no text.
  package func states(of prompt: String) throws -> Tensor? {
    try encode([prompt])
    return textStates[Array(prompt.utf8)]
  }

  /// Computes the states of several prompts at once: a large encoder is read through once for all of them.
  /// - Parameter probe: is shown each block; throw from it to stop.
  package func encode(_ prompts: [String], probe: Probe? = nil) throws {
    let stages = model.stages
    guard let text = model.folder.text, let tokenizer = stages.tokenizer, let encoder = stages.textEncoder else { return }
    let wanted = Dictionary(prompts.map { (Array($0.utf8), $0) }, uniquingKeysWith: { first, _ in first })
    if textStates.values.reduce(0, { $0 + $1.count }) > DrawingSession.keptNumbers {
      textStates = textStates.filter { wanted[$0.key] != nil }
    }
    var missing: [(key: [UInt8], text: String)] = []
    for prompt in prompts {
      let key = Array(prompt.utf8)
      guard textStates[key] == nil, !missing.contains(where: { $0.key == key }) else { continue }
      let plain = WeightedPrompt.plain(prompt)
      if let kept = textCache?.states(of: text.prepared(plain)) {
        textStates[key] = kept
      } else {
        missing.append((key, text.prepared(plain)))
      }
    }
    guard !missing.isEmpty else { return }
    let states = try encoder.encode(missing.map { try tokenizer.encode($0.text) }, probe: probe)
    for (prompt, states) in zip(missing, states) {
      textStates[prompt.key] = states
      try textCache?.keep(states, of: prompt.text)
    }
  }

  /// The other branch of guidance: the negative prompt, and no class.
  func unconditional(_ request: GenerationRequest) throws -> Condition {
    try condition(request.negativePrompt, classIndex: nil, size: request.size)
  }

  /// What a prompt and a class ask for in a picture of `size`, weights included.
  func condition(_ prompt: String, classIndex: Int?, size: PictureSize) throws -> Condition {
    var states = try states(of: prompt)
    var weights = try model.tokenWeights(of: prompt)
    if model.folder.traits.weighsStates, let all = weights {
      states = try states.map { try weighed($0, all) }
      weights = nil
    }
    return Condition(
      classIndex: classIndex, text: states, weights: weights,
      extent: PictureExtent(height: Float(size.height), width: Float(size.width)))
  }

  /// Each word's state on the line from what stands at its place without words: 0 is that, 1 the state itself, more goes on.
  private func weighed(_ states: Tensor, _ weights: [Float]) throws -> Tensor {
    let none = try self.states(of: "")
    let result = try states.copy()
    result.withFloats { target in
      let width = states.columns
      let empty = none?.array ?? []
      for (row, weight) in weights.prefix(states.rows).enumerated() where weight != 1 {
        for index in row * width..<(row + 1) * width {
          let origin = index < empty.count ? empty[index] : 0
          target[index] = origin + weight * (target[index] - origin)
        }
      }
    }
    return result
  }
}
