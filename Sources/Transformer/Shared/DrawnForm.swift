import DiTTensors

/// What a family draws: pictures, and the words that go with them.
package enum Modality: Sendable { case image, text }

/// How what is drawn lies in the state that a sampler walks: latents as they are, or joined with what a family draws beside
/// them to one row of numbers.
package struct DrawnForm: Sendable {
  package enum Part: Sendable {
    /// [C, h, w] of the autoencoder.
    case latents
    /// Of the picture as a whole, [1, E].
    case embedding
    /// [tokens, numbers of a token].
    case text

    package var modality: Modality { self == .text ? .text : .image }
  }

  package let parts: [(part: Part, shape: [Int])]

  /// - Parameter parts: in order, each once.
  package init(_ parts: [(part: Part, shape: [Int])]) { self.parts = parts }

  /// Of latents [C, h, w] alone.
  package init(latents: [Int]) { self.init([(.latents, latents)]) }

  private var isPlain: Bool { parts.count == 1 && parts[0].part == .latents }

  /// Of one picture, without the batch: [C, h, w], or [1, 1, n].
  package var shape: [Int] {
    isPlain ? parts[0].shape : [1, 1, parts.reduce(0) { $0 + $1.shape.reduce(1, *) }]
  }

  /// Where the numbers of a modality are among those of one picture; they lie together.
  package func range(of modality: Modality) -> Range<Int> {
    let all = parts.map { (isWanted: $0.part.modality == modality, count: $0.shape.reduce(1, *)) }
    let start = all.prefix { !$0.isWanted }.reduce(0) { $0 + $1.count }
    return start..<start + all.filter(\.isWanted).reduce(0) { $0 + $1.count }
  }

  /// A part of states [B, …], [B] + its shape; nil where it is none of what is drawn.
  package func part(_ wanted: Part, of states: Tensor) throws -> Tensor? {
    guard !isPlain else { return wanted == .latents ? states : nil }
    let (batch, width) = (states.shape[0], shape[2])
    let numbers = states.reshaped([states.count])
    var start = 0
    for (part, shape) in parts {
      let count = shape.reduce(1, *)
      if part == wanted {
        let rows = (0..<batch).map { numbers.slice($0 * width + start, count: count).reshaped([1] + shape) }
        return try .concatenated(rows)
      }
      start += count
    }
    return nil
  }

  /// States [B, …] of parts [B] + their shapes, all of which are asked for in order.
  package func joined(_ make: (Part, _ shape: [Int]) throws -> Tensor) throws -> Tensor {
    let made = try parts.map { try make($0.part, $0.shape) }
    guard !isPlain, let batch = made.first?.shape.first else { return made[0] }
    let result = try Tensor([batch] + shape)
    let numbers = result.reshaped([result.count])
    var place = 0
    for row in 0..<batch {
      for part in made {
        let source = part.slice(row, count: 1)
        try source.reshaped([source.count]).copy(into: numbers.slice(place, count: source.count))
        place += source.count
      }
    }
    return result
  }
}
