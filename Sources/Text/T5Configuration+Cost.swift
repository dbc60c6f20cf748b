import DiTTensors

extension T5Configuration {
  /// What encoding a prompt takes.
  package func costs(tokens: Int) -> [StageCost] {
    let inner = heads * headSize
    let norm = Cost(parameters: hiddenSize)
    let widening =
      (feedForward == .gatedGELU ? 2 : 1) * Cost.linear(feedForwardSize, hiddenSize, bias: false, rows: tokens)
    return [
      StageCost("word pieces", Cost(parameters: vocabularySize * hiddenSize), .picture),
      StageCost(
        "self-attention",
        Cost(parameters: buckets * heads)
          + layers
          * (norm + .linear(3 * inner, hiddenSize, bias: false, rows: tokens)
            + .attention(queries: tokens, keys: tokens, width: inner)
            + .linear(hiddenSize, inner, bias: false, rows: tokens)),
        .picture),
      StageCost(
        "feed-forward",
        norm + layers * (norm + widening + .linear(hiddenSize, feedForwardSize, bias: false, rows: tokens)), .picture),
    ]
  }

  /// Every parameter under Hugging Face's names.
  package var parameterShapes: [ParameterShape] {
    let inner = heads * headSize
    var result = [ParameterShape("shared.weight", [vocabularySize, hiddenSize])]
    for index in 0..<layers {
      let attention = "encoder.block.\(index).layer.0."
      result += ["q", "k", "v"].map { ParameterShape(attention + "SelfAttention.\($0).weight", [inner, hiddenSize]) }
      result.append(ParameterShape(attention + "SelfAttention.o.weight", [hiddenSize, inner]))
      if index == 0 {
        result.append(ParameterShape(attention + "SelfAttention.relative_attention_bias.weight", [buckets, heads]))
      }
      result.append(ParameterShape(attention + "layer_norm.weight", [hiddenSize]))
      let dense = "encoder.block.\(index).layer.1.DenseReluDense."
      result += (feedForward == .gatedGELU ? ["wi_0", "wi_1"] : ["wi"])
        .map { ParameterShape(dense + "\($0).weight", [feedForwardSize, hiddenSize]) }
      result.append(ParameterShape(dense + "wo.weight", [hiddenSize, feedForwardSize]))
      result.append(ParameterShape("encoder.block.\(index).layer.1.layer_norm.weight", [hiddenSize]))
    }
    return result + [ParameterShape("encoder.final_layer_norm.weight", [hiddenSize])]
  }
}
