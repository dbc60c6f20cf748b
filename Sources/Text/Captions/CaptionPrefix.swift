import DiTCheckpoints
import DiTTensors
import Foundation

/// How UniDiffuser reads words: CLIP's states, each token's made smaller by a layer of its caption decoder. It can be read without
/// the rest of the decoder.
package struct CaptionPrefix: Sendable {
  /// Folder or file of the caption decoder.
  package let weights: URL
  package let configuration: CaptionConfiguration

  package init(_ weights: URL, _ configuration: CaptionConfiguration) {
    (self.weights, self.configuration) = (weights, configuration)
  }

  /// `encoder` with this behind it.
  /// - Throws: `LoadError` naming the missing or misshapen tensor.
  package func behind(_ encoder: any TextEncoder, backend: Backend) throws -> any TextEncoder {
    let parameters = Parameters(try CaptionDecoder.open(weights), backend: backend)
    return PrefixedTextEncoder(
      encoder: encoder, layer: try CaptionDecoder.encodePrefix(configuration, parameters), backend: backend)
  }
}

private struct PrefixedTextEncoder: TextEncoder {
  let encoder: any TextEncoder
  let layer: Linear  // [text, CLIP]
  let backend: Backend

  var width: Int { layer.outputs }
  var vocabularySize: Int { encoder.vocabularySize }

  func encode(_ texts: [[Int]], probe: Probe?) throws -> [Tensor] {
    try encoder.encode(texts, probe: probe).map { states in
      let result = try Tensor([states.rows, layer.outputs])
      try backend.apply(layer, to: states, into: result)
      return result
    }
  }
}
