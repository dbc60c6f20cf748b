import DiTTensors

/// UniDiffuser in one of its modes, with guidance: what a sampler asks.
package struct UniDiffuserDenoiser {
  private let model: UniDiffuser
  private let mode: UniDiffuserMode
  private let given: UniDiffuserSample
  /// Stands in for noise where the text is the other branch's: the states of the empty text.
  private let emptyText: Tensor?
  private let scale: Float
  private let dataType: Int

  /// The time of noise, at which nothing is known.
  private static let last: Float = 1000

  /// - Parameters:
  ///   - given: what the mode is given; of the rest only the shapes are read.
  ///   - emptyText: [1 or B, tokens, size]; nil: nothing is known of the text in the other branch.
  ///   - scale: 1 is no guidance: the original's is this less 1.
  ///   - dataType: 1 for clean data, 0 for the web's.
  package init(
    _ model: UniDiffuser, _ mode: UniDiffuserMode, given: UniDiffuserSample, emptyText: Tensor? = nil, scale: Float,
    dataType: Int = 1
  ) {
    (self.model, self.mode, self.given, self.emptyText) = (model, mode, given, emptyText)
    (self.scale, self.dataType) = (scale, dataType)
  }

  /// An evaluation of both branches.
  package struct Answer {
    /// Joined, as the sampler walks it, [B, 1, 1, n].
    package let guided: Tensor
    package let conditional: UniDiffuserSample
    /// Of each modality that is drawn, the branch that knows nothing of the other; none without guidance.
    package let unconditional: [UniDiffuserSample]
  }

  /// - Parameters:
  ///   - state: joined, of what is drawn.
  ///   - time: of what is drawn, 1 to 1000.
  ///   - noise: fresh noise of a modality, drawn once an evaluation.
  package func predict(
    _ state: Tensor, time: Float, noise: (UniDiffuserMode.Modality) throws -> UniDiffuserSample
  ) throws -> Answer {
    let current = try given.replacing(mode.drawn, by: state)
    let isGuided = scale != 1 && [mode.image, mode.text].allSatisfy { $0 != .unknown }
    let modes = [mode] + (isGuided ? mode.drawn.map(mode.without) : [])
    var drawn: [UniDiffuserMode.Modality: UniDiffuserSample] = [:]
    var samples: [UniDiffuserSample] = []
    var times: [(image: Float, text: Float)] = []
    let timeOf = { (role: UniDiffuserMode.Role) in role == .drawn ? time : role == .given ? 0 : Self.last }
    for (index, one) in modes.enumerated() {
      var sample = current
      var both = (image: timeOf(one.image), text: timeOf(one.text))
      if one.image == .unknown {
        let fresh = try drawn[.image] ?? noise(.image)
        drawn[.image] = fresh
        (sample.latents, sample.clipImage) = (fresh.latents, fresh.clipImage)
      }
      if one.text == .unknown, index > 0, let emptyText {
        let isWhole = emptyText.shape[0] == current.count
        sample.text = isWhole ? emptyText : try .concatenated((0..<current.count).map { _ in emptyText })
        both.text = 0
      } else if one.text == .unknown {
        let fresh = try drawn[.text] ?? noise(.text)
        drawn[.text] = fresh
        sample.text = fresh.text
      }
      samples.append(sample)
      times += Array(repeating: both, count: current.count)
    }
    let count = current.count
    let output = try model.predict(.concatenated(samples), times: times, dataTypes: times.map { _ in dataType })
    let branches = modes.indices.map { output.slice($0 * count, count: count) }
    guard isGuided else {
      return Answer(guided: try branches[0].joined(mode.drawn), conditional: branches[0], unconditional: [])
    }
    // Of each modality that is drawn its own other branch.
    var other = branches[0]
    for (modality, branch) in zip(mode.drawn, branches.dropFirst()) {
      switch modality {
      case .image: (other.latents, other.clipImage) = (branch.latents, branch.clipImage)
      case .text: other.text = branch.text
      }
    }
    let guided = try branches[0].joined(mode.drawn)
    let unconditional = try other.joined(mode.drawn)
    guided.withFloats { target in
      unconditional.withFloats { other in
        for index in target.indices { target[index] = other[index] + scale * (target[index] - other[index]) }
      }
    }
    return Answer(guided: guided, conditional: branches[0], unconditional: Array(branches.dropFirst()))
  }
}
