import DiTTensors

/// What every transformer of patches is made of: patches in, blocks, a final layer, patches out.
struct Trunk {
  let shape: BlockShape
  let backend: Backend
  let patchSize: Int
  let inChannels, outChannels: Int
  let patchEmbedding: Linear  // [D, C·p·p]
  let blocks: [TransformerBlock]
  let finalNorm: AffineNorm?
  let finalLinear: Linear  // [p·p·out, D]
}
