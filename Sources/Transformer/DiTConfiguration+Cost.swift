import DiTTensors

extension DiTConfiguration {
  /// What one evaluation for one picture takes, stage by stage (arXiv 2212.09748, tables 1 and 4).
  ///
  /// Fixed positions are no parameters. Keys and values of the text are computed once a picture.
  /// - Parameters:
  ///   - grid: patches of the picture; nil: the native grid.
  ///   - textTokens: tokens of the prompt, for models that read one.
  package func costs(grid: Grid? = nil, textTokens: Int = 0) -> [StageCost] {
    let tokens = (grid ?? nativeGrid).count
    let (d, p) = (hiddenSize, patchSize)
    let sequence = tokens + (scheme == .inContext ? 2 : 0)
    let norm = Cost(parameters: scheme.isAdaptive ? 0 : 2 * d)  // weight and bias of an affine layer norm
    // Attention to `keys` others: queries, the attention itself, projection.
    let toOthers = { (keys: Int) in
      2 * Cost.linear(d, d, rows: sequence) + .attention(queries: sequence, keys: keys, width: d)
    }

    var stages = [
      StageCost("patch embedding", .linear(d, inChannels * p * p, rows: tokens)),
      StageCost("timestep", .linear(d, 256, rows: 1) + .linear(d, d, rows: 1)),
      StageCost("classes", Cost(parameters: (classes + (hasNullClass ? 1 : 0)) * d)),
    ]
    if scheme.isAdaptive {
      stages.append(StageCost("adaLN", depth * .linear(scheme.modulationChunks * d, d, rows: 1)))
    }
    stages.append(
      StageCost(
        "self-attention",
        depth
          * (norm + .linear(3 * d, d, rows: sequence) + .attention(queries: sequence, keys: sequence, width: d)
            + .linear(d, d, rows: sequence))))
    if scheme == .crossAttention {
      stages.append(
        StageCost("cross-attention to timestep and class", depth * (norm + toOthers(2) + .linear(2 * d, d, rows: 2))))
    } else if let textSize {
      stages.append(StageCost(DiTConfiguration.textStage, depth * toOthers(textTokens)))
      stages.append(
        StageCost(
          "text keys and values", Cost(parameters: textSize) + depth * .linear(2 * d, textSize, rows: textTokens),
          .picture))
    }
    let final = p * p * outChannels
    stages.append(
      StageCost("MLP", depth * (norm + .linear(mlpSize, d, rows: sequence) + .linear(d, mlpSize, rows: sequence))))
    stages.append(
      StageCost(
        "final layer",
        (scheme.isAdaptive ? .linear(2 * d, d, rows: 1) : norm) + .linear(final, d, rows: tokens)))
    return stages
  }

  /// The stage of ``costs(grid:textTokens:)`` that a model without text does not have.
  package static let textStage = "text cross-attention"

  /// Every parameter under the names of the official code, in the order of the data.
  package var parameterShapes: [ParameterShape] {
    let (d, p) = (hiddenSize, patchSize)
    let norm = { (name: String) in
      self.scheme.isAdaptive ? [] : [ParameterShape(name + ".weight", [d]), ParameterShape(name + ".bias", [d])]
    }
    var result = [
      ParameterShape("x_embedder.proj.weight", [d, inChannels, p, p]), ParameterShape("x_embedder.proj.bias", [d]),
    ]
    result += ParameterShape.linear("t_embedder.mlp.0", d, 256) + ParameterShape.linear("t_embedder.mlp.2", d, d)
    result.append(ParameterShape("y_embedder.embedding_table.weight", [classes + (hasNullClass ? 1 : 0), d]))
    if let textSize { result.append(ParameterShape("text_norm.weight", [textSize])) }
    for index in 0..<depth {
      let block = "blocks.\(index)."
      result += norm(block + "norm1")
      result += ParameterShape.linear(block + "attn.qkv", 3 * d, d) + ParameterShape.linear(block + "attn.proj", d, d)
      if scheme == .crossAttention || textSize != nil {
        let byScheme = scheme == .crossAttention
        let name = block + (byScheme ? "cross_attn." : "cross.")
        if byScheme { result += norm(block + "norm_cross") }
        result += ParameterShape.linear(name + "q", d, d) + ParameterShape.linear(name + "kv", 2 * d, textSize ?? d)
        result += ParameterShape.linear(name + "proj", d, d)
      }
      result += norm(block + "norm2")
      result +=
        ParameterShape.linear(block + "mlp.fc1", mlpSize, d) + ParameterShape.linear(block + "mlp.fc2", d, mlpSize)
      if scheme.isAdaptive {
        result += ParameterShape.linear(block + "adaLN_modulation.1", scheme.modulationChunks * d, d)
      }
    }
    result +=
      scheme.isAdaptive
      ? ParameterShape.linear("final_layer.adaLN_modulation.1", 2 * d, d) : norm("final_layer.norm_final")
    return result + ParameterShape.linear("final_layer.linear", p * p * outChannels, d)
  }
}
