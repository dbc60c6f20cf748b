import DiTCheckpoints
import DiTTensors
import DiTTransformer

/// PixArt from diffusers' folder and from original files, whose names are others and whose numbers are the same.
@Sendable func verifyPixArt(_ test: inout VerificationCase) throws {
  let file = try test.data()
  let configuration = try readConfiguration(PixArtConfiguration.self, at: test.beside("config.json"))
  let captions = try file.tensor("input.caption")
  let masks = try rows(of: "input.mask", in: file)
  let sizes = try file.contains("input.resolution") ? file.tensor("input.resolution").array : nil
  let aspects = try file.contains("input.aspect_ratio") ? file.tensor("input.aspect_ratio").array : nil
  let conditions = try masks.indices.map { row in
    let caption = captions.slice(row, count: 1).reshaped(Array(captions.shape.dropFirst()))
    var condition = try Condition(text: unpadded(caption, masks[row]))
    if let sizes, let aspects {
      condition.extent = PictureExtent(height: sizes[2 * row], width: sizes[2 * row + 1], aspectRatio: aspects[row])
    }
    return condition
  }
  for (name, names) in [
    ("diffusion_pytorch_model.safetensors", ParameterNames.diffusersPixArt), ("original.pth", .official),
    ("model.safetensors", .official),
  ] where test.has(name) {
    let model = try PixArt(
      configuration, Parameters(openCheckpoint(at: test.beside(name)), names: names, backend: test.backend))
    if file.contains("expected.pos_embed_used") {
      let x = try file.tensor("input.x")
      let grid = Grid(of: x, patchSize: model.patchSize)
      try test.compare("pos_embed_used", in: file, actual: model.positions(grid), note: name)
    }
    try verifyForward(&test, model, file, conditions, note: name)
  }
}
