import DiTModels
import DiTTensors
import DiTTransformer

/// Prompts to text states, each computed once.
extension DrawingSession {
  /// Numbers of text states that are kept: 256 MB.
  private static let keptNumbers = 64 << 20

  /// What text states are kept by: a text's bytes, and where it makes a difference what it is.
  struct TextKey: Hashable {
    let utf8: [UInt8]
    let role: TextRole
  }

  private func key(_ text: String, _ role: TextRole) -> TextKey {
    TextKey(utf8: Array(text.utf8), role: model.folder.text?.instruction == nil ? .prompt : role)
  }

  /// Text states of a prompt without its weights, [tokens, size]; computed once for each prompt. Nil where the model
  /// reads no text.
  package func states(of prompt: String, as role: TextRole = .prompt) throws -> Tensor? {
    try encode([(prompt, role)])
    return textStates[key(prompt, role)]
  }

  /// Computes the states of several requests' texts at once: a large encoder is read through once for all of them.
  /// - Parameter probe: is shown each block; throw from it to stop.
  package func encode(_ requests: [GenerationRequest], probe: Probe? = nil) throws { try encode(texts(of: requests), probe: probe) }

  private func encode(_ texts: [(text: String, role: TextRole)], probe: Probe? = nil) throws {
    let stages = model.stages
    guard let text = model.folder.text, let tokenizer = stages.tokenizer, let encoder = stages.textEncoder else { return }
    let wanted = Set(texts.map { key($0.text, $0.role) })
    if textStates.values.reduce(0, { $0 + $1.count }) > DrawingSession.keptNumbers {
      textStates = textStates.filter { wanted.contains($0.key) }
    }
    var missing: [(key: TextKey, text: String)] = []
    for one in texts {
      let key = key(one.text, one.role)
      guard textStates[key] == nil, !missing.contains(where: { $0.key == key }) else { continue }
      let prepared = text.prepared(WeightedPrompt.plain(one.text))
      if let kept = textCache?.states(of: prepared, as: key.role) {
        textStates[key] = kept
      } else {
        missing.append((key, prepared))
      }
    }
    guard !missing.isEmpty else { return }
    let states = try encoder.use { encoder in
      try text.states(
        of: missing.map { ($0.text, $0.key.role) }, tokenizer: tokenizer, encoder: encoder,
        keeping: textCache.map { cache in { cache.url(ofInstruction: $0) } }, probe: probe)
    }
    for (one, states) in zip(missing, states) {
      textStates[one.key] = states
      try textCache?.keep(states, of: one.text, as: one.key.role)
    }
  }

  /// Texts of requests whose states are needed: where the model is told nothing without words, the empty one is not, but as
  /// what weights move words' states away from.
  func texts(of requests: [GenerationRequest]) -> [(text: String, role: TextRole)] {
    let all = requests.flatMap { request -> [(text: String, role: TextRole)] in
      let negative = (request.negativePrompt, TextRole.negative)
      return request.mode.steps[0].text == .given ? [(request.prompt, .prompt), negative] : [negative]
    }
    guard model.folder.traits.leavesEmptyTextOut else { return all }
    let isWeighted = all.contains { (try? WeightedPrompt($0.text).isPlain) == false }
    return all.filter { !$0.text.isEmpty } + (isWeighted ? [("", .prompt)] : [])
  }

  /// What is known of a request's picture before it is drawn.
  /// - Parameter size: at which it is drawn.
  func known(_ request: GenerationRequest, size: PictureSize) throws -> KnownPair {
    var known = KnownPair()
    known.classIndex = request.classIndex
    known.words = request.mode.steps[0].text == .given ? try words(request.prompt) : nil
    known.negative = try words(request.negativePrompt, as: .negative)
    known.guidance = model.folder.traits.embedsGuidance ? request.guidanceScale : nil
    known.extent = PictureExtent(height: Float(size.height), width: Float(size.width))
    return known
  }

  /// What a prompt asks for, weights included; nil where the model reads none, or is not told of an empty one.
  package func words(_ prompt: String, as role: TextRole = .prompt) throws -> ConditionSegment? {
    if prompt.isEmpty, model.folder.traits.leavesEmptyTextOut { return nil }
    guard let states = try states(of: prompt, as: role) else { return nil }
    let weights = try model.tokenWeights(of: prompt, as: role)
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
