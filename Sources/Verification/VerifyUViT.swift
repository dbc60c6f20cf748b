import DiTCheckpoints
import DiTTensors
import DiTTransformer

/// U-ViT from safetensors and, where there is one, from the original file.
@Sendable func verifyUViT(_ test: inout VerificationCase) throws {
  let file = try test.data()
  let configuration = try readConfiguration(UViTConfiguration.self, at: test.beside("config.json"))
  let classes = try file.contains("input.class_id") ? file.integers("input.class_id") : nil
  let texts = try file.contains("input.context") ? file.tensor("input.context") : nil
  let conditions = try file.tensor("input.t").array.indices.map { row in
    Condition(
      classIndex: classes?[row],
      text: texts.map { $0.slice(row, count: 1).reshaped(Array($0.shape.dropFirst())) })
  }
  for name in ["model.safetensors", "model.pth"] where test.has(name) {
    let model = try UViT(configuration, Parameters(openCheckpoint(at: test.beside(name)), backend: test.backend))
    try verifyForward(&test, model, file, conditions, note: name)
  }
}
