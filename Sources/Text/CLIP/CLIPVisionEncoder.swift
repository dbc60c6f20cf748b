import DiTCheckpoints
import DiTTensors

/// What CLIP's encoder of pictures makes of one picture.
package struct CLIPVisionStates {
  /// After the last block, without a norm, [1 + patches, d].
  package let hidden: Tensor
  /// The state of the class token behind its norm, [1, d].
  package let pooled: Tensor
  /// The pooled state in the space that texts and pictures share, [1, E]; nil where the file has no projection.
  package let embedding: Tensor?
}

/// The encoder of pictures of CLIP (Radford et al. 2021, arXiv 2103.00020): a class token and patches, all of which see each
/// other.
///
/// `@unchecked Sendable`: all of it is constant.
package final class CLIPVisionEncoder: @unchecked Sendable {
  package let configuration: CLIPVisionConfiguration
  private let backend: Backend
  private let patchEmbedding: Linear  // [d, 3·p·p]
  private let classToken: Tensor  // [d]
  private let positions: Tensor  // [1 + patches, d]
  private let firstNorm, lastNorm: CLIPNorm
  private let blocks: [CLIPBlock]
  private let projection: Linear?  // [E, d]

  /// - Parameter parameters: under OpenAI's names.
  /// - Throws: `LoadError` naming the missing or misshapen tensor.
  init(_ configuration: CLIPVisionConfiguration, _ parameters: Parameters) throws {
    self.configuration = configuration
    backend = parameters.backend
    let (d, p) = (configuration.shape.hiddenSize, configuration.patchSize)
    let patches = configuration.side * configuration.side
    let first = parameters.stage("patch embedding", .picture)
    patchEmbedding = try first.linear(
      "visual.conv1", d, 3 * p * p, on: .fixed(patches), shape: [d, 3, p, p], bias: false, precise: true)
    classToken = try first.tensor("visual.class_embedding", [d], start: .table)
    positions = try first.tensor("visual.positional_embedding", [1 + patches, d], start: .table)
    firstNorm = try CLIPNorm("visual.ln_pre", d, first)
    blocks = try (0..<configuration.layers).map {
      try CLIPBlock(
        configuration.shape, parameters.scoped("visual.transformer.resblocks.\($0)."), on: .fixed(1 + patches))
    }
    lastNorm = try CLIPNorm("visual.ln_post", d, parameters.stage("projection", .picture))
    projection = try clipProjection(
      "visual_projection", transposed: "visual.proj", configuration.projectionSize, d, parameters)
  }

  /// - Parameters:
  ///   - pixels: [3, side, side] of one picture, prepared as the encoder's `preprocessor_config.json` says.
  ///   - probe: is shown the intermediate states.
  /// - Throws: where memory is short, or the picture is of another size.
  package func states(of pixels: Tensor, probe: Probe? = nil) throws -> CLIPVisionStates {
    let (shape, count) = (configuration.shape, configuration.side * configuration.side)
    let x = try Tensor([1 + count, shape.hiddenSize])
    try backend.apply(patchEmbedding, to: patches(pixels), into: x.slice(1, count: count))
    try classToken.copy(into: x.slice(0, count: 1))
    try backend.add(x, positions, into: x)
    try probe?(.visionTokens, x)
    let work = try CLIPWork(shape, Tensor(x.shape), backend)
    try firstNorm(x, eps: shape.eps, backend, into: work.x)
    try probe?(.textEmbedding, work.x)
    for (index, block) in blocks.enumerated() {
      try block.run(on: work, backend)
      try probe?(.textBlock(index), work.x)
    }
    let pooled = try Tensor([1, shape.hiddenSize])
    try lastNorm(work.x.slice(0, count: 1), eps: shape.eps, backend, into: pooled)
    let embedding = try projection.map { projection in
      let result = try Tensor([1, projection.outputs])
      try backend.apply(projection, to: pooled, into: result)
      return result
    }
    return CLIPVisionStates(hidden: work.x, pooled: pooled, embedding: embedding)
  }

  /// [patches, 3·p·p], each patch by channel, row and column. Pixels beyond the last whole patch are not read.
  private func patches(_ pixels: Tensor) throws -> Tensor {
    let (size, p, side) = (configuration.imageSize, configuration.patchSize, configuration.side)
    guard pixels.shape == [3, size, size] else {
      throw BackendError.shape("a picture \(pixels.shape) for an encoder of \([3, size, size])")
    }
    let result = try Tensor([side * side, 3 * p * p])
    pixels.withFloats { from in
      result.withFloats { to in
        var at = 0
        for patch in 0..<side * side {
          for channel in 0..<3 {
            for row in patch / side * p..<(patch / side + 1) * p {
              let start = (channel * size + row) * size + patch % side * p
              for column in start..<start + p {
                to[at] = from[column]
                at += 1
              }
            }
          }
        }
      }
    }
    return result
  }
}
