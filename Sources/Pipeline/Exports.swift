// What `import DiTTextToImage` brings along: of each stage what the product offers; the rest is `package`.
@_exported import DiTAutoencoder
@_exported import DiTDiffusion
@_exported import DiTErrors
@_exported import DiTImage
@_exported import DiTModels
@_exported import DiTTensors
@_exported import DiTTransformer
