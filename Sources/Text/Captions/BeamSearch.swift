import DiTTensors
import Foundation

/// A caption as tokens, and how likely it was found.
package struct FoundCaption: Sendable {
  /// Tokens up to the end token, that included where there is one.
  package let tokens: [Int]
  /// Mean of the tokens' log probabilities.
  package let score: Double
}

extension CaptionDecoder {
  /// Beam search as UniDiffuser's authors do it: beams are ranked by the mean of their log probabilities over all that they may
  /// go on with; one that has ended goes on for nothing, and does not grow.
  /// - Parameters:
  ///   - text: what the transformer works on, [tokens, text].
  ///   - endID: of the token that ends a caption.
  ///   - limit: tokens of a caption at most.
  /// - Returns: the beams, the best first.
  package func captions(of text: Tensor, endID: Int, beams: Int = 5, limit: Int = 67) throws -> [FoundCaption] {
    let prefix = try prefix(of: text)
    var (logits, memory) = try start(prefix, room: limit)
    logits = logits.slice(logits.rows - 1, count: 1)
    var found: [Beam] = [Beam()]
    for step in 0..<limit {
      let candidates = found.enumerated().flatMap { source, beam in
        // Of the best of each beam are the best of all.
        beam.isDone(endID)
          ? [Candidate(source: source, token: 0, sum: beam.sum, length: beam.length, isStopped: true)]
          : best(beams, logits.slice(source, count: 1)).map {
            Candidate(source: source, token: $0.token, sum: beam.sum + $0.logProbability, length: beam.length + 1, isStopped: false)
          }
      }
      // Sorted stably: of equal ones the first.
      let chosen = candidates.enumerated().sorted { ($1.element.mean, $0.offset) < ($0.element.mean, $1.offset) }
        .prefix(beams).map(\.element)
      found = chosen.map { found[$0.source].adding($0) }
      guard step + 1 < limit, !found.allSatisfy({ $0.isDone(endID) }), hasRoom(memory) else { break }
      try memory.choose(chosen.map(\.source))
      logits = try next(found.map { $0.tokens.last ?? 0 }, &memory)
    }
    return found.enumerated().sorted { ($1.element.mean, $0.offset) < ($0.element.mean, $1.offset) }
      .map { FoundCaption(tokens: $0.element.tokens, score: $0.element.mean) }
  }

  /// Always the likeliest token, until the end token.
  package func greedyCaption(of text: Tensor, endID: Int, limit: Int = 67) throws -> [Int] {
    var (logits, memory) = try start(prefix(of: text), room: limit)
    var tokens: [Int] = []
    while tokens.count < limit, tokens.last != endID {
      guard let first = best(1, logits.slice(logits.rows - 1, count: 1)).first else { break }
      tokens.append(first.token)
      guard hasRoom(memory) else { break }
      logits = try next([first.token], &memory)
    }
    return tokens
  }

  private struct Beam {
    var tokens: [Int] = []
    var sum = 0.0
    var length: Int { tokens.count }
    var mean: Double { sum / Double(max(1, length)) }

    func isDone(_ endID: Int) -> Bool { tokens.last == endID }

    func adding(_ candidate: Candidate) -> Beam {
      candidate.isStopped ? self : Beam(tokens: tokens + [candidate.token], sum: candidate.sum)
    }
  }

  private struct Candidate {
    let source, token: Int
    let sum: Double
    let length: Int
    let isStopped: Bool
    var mean: Double { sum / Double(max(1, length)) }
  }

  /// The likeliest tokens of [1, vocabulary], of equal ones the first.
  private func best(_ count: Int, _ logits: Tensor) -> [(token: Int, logProbability: Double)] {
    logits.withFloats { logits in
      let most = Double(logits.max() ?? 0)
      let sum = logits.reduce(0.0) { $0 + exp(Double($1) - most) }
      var best: [(token: Int, logit: Float)] = []
      for (token, logit) in logits.enumerated() where best.count < count || logit > best[best.count - 1].logit {
        let place = best.firstIndex { $0.logit < logit } ?? best.endIndex
        best.insert((token, logit), at: place)
        if best.count > count { best.removeLast() }
      }
      return best.map { ($0.token, Double($0.logit) - most - log(sum)) }
    }
  }
}
