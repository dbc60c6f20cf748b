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
    let states = try encoder.use { try $0.encode(missing.map { try tokenizer.encode($0.text) }, probe: probe) }
    for (prompt, states) in zip(missing, states) {
      textStates[prompt.key] = states
      try textCache?.keep(states, of: prompt.text)
    }
  }

  /// Prompts of requests whose states are needed: where the model is told nothing without words, the empty one is not, but as
  /// what weights move words' states away from.
  func prompts(of requests: [GenerationRequest]) -> [String] {
    let all = requests.flatMap { $0.mode.steps[0].text == .given ? [$0.prompt, $0.negativePrompt] : [$0.negativePrompt] }
    guard model.folder.traits.leavesEmptyTextOut else { return all }
    let isWeighted = all.contains { (try? WeightedPrompt($0).isPlain) == false }
    return all.filter { !$0.isEmpty } + (isWeighted ? [""] : [])
  }

  /// What is known of a request's picture before it is drawn.
  /// - Parameter size: at which it is drawn.
  func known(_ request: GenerationRequest, size: PictureSize) throws -> KnownPair {
    var known = KnownPair()
    known.classIndex = request.classIndex
    known.words = request.mode.steps[0].text == .given ? try words(request.prompt) : nil
    known.negative = try words(request.negativePrompt)
    known.guidance = model.folder.traits.embedsGuidance ? request.guidanceScale : nil
    known.extent = PictureExtent(height: Float(size.height), width: Float(size.width))
    return known
  }

  /// What a prompt asks for, weights included; nil where the model reads none, or is not told of an empty one.
  package func words(_ prompt: String) throws -> ConditionSegment? {
    if prompt.isEmpty, model.folder.traits.leavesEmptyTextOut { return nil }
    guard let states = try states(of: prompt) else { return nil }
    let weights = try model.tokenWeights(of: prompt)
    guard model.folder.traits.weighsStates, let weights else { return .text(states, weights: weights) }
    return .text(try weighed(states, weights))
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
