import DiTCheckpoints
import DiTDiffusion
import Foundation
import DiTTensors
import DiTText
import DiTTransformer

/// Runs a model on a case's inputs, one timestep a picture, and compares every intermediate tensor the file has.
/// - Parameters:
///   - output: the name the golden output has in the file.
///   - note: goes before the tensors' names in the table, where one case runs several models.
func verifyForward(
  _ test: inout VerificationCase, _ model: any DiffusionTransformer, _ file: Checkpoint, _ conditions: [Condition],
  output: String = "output", note: String = ""
) throws {
  let x = try file.tensor("input.x")
  let timesteps = try file.tensor("input.t").array
  let grid = Grid(of: x, patchSize: model.patchSize)
  let run = try model.prepare(conditions, grid: grid, timesteps: [timesteps])
  var shown: [(ProbePoint, Tensor)] = []
  _ = try run.predict(x, evaluation: 0) { try shown.append(($0, $1.copy())) }
  for (point, tensor) in shown {
    try test.compare(point == .output ? output : point.name, in: file, actual: tensor, note: note)
  }
}

/// A ``DiT`` on the class indices of a case, and its timestep features.
private func verifyForward(
  _ test: inout VerificationCase, _ model: DiT, _ file: Checkpoint, texts: [Tensor]? = nil, output: String = "output",
  note: String = ""
) throws {
  let classes = try file.integers("input.class_id")
  if file.contains("expected.t_freq") {
    let features = try timestepFeatures(
      try file.tensor("input.t").array, divisor: model.configuration.timestepDivisor)
    try test.compare("t_freq", in: file, actual: features, note: note)
  }
  let conditions = classes.enumerated().map { Condition(classIndex: $1, text: texts?[$0]) }
  try verifyForward(&test, model, file, conditions, output: output, note: note)
}

// MARK: text-dit

/// This project's own model: forward passes, positions, tiny autoencoders, and the whole pipeline.
@Sendable func verifyTextDiT(_ test: inout VerificationCase) throws {
  switch test.url.lastPathComponent {
  case "positions.safetensors": try verifyPositions(&test)
  case "decode.safetensors", "encode.safetensors": try verifyTinyAutoencoder(&test)
  case "pipeline.safetensors": try verifySmallPipeline(&test)
  default:
    let file = try test.data()
    let encoder = try textEncoder(test.directory, test.backend)
    let ids = try rows(of: "input.ids", in: file)
    let mask = try rows(of: "input.mask", in: file)
    let states = try zip(ids, mask).map { try encoder.encode($0, mask: $1.map { UInt8(clamping: $0) }) }
    try compareStates(&test, "text", states, mask, file)
    let model = try textTransformer(test.directory, test.backend)
    try verifyForward(&test, model, file, texts: zip(states, mask).map(unpadded))
  }
}

func textEncoder(_ folder: URL, _ backend: Backend) throws -> T5Encoder {
  try T5Encoder(
    readConfiguration(T5Configuration.self, at: folder.appendingPathComponent("text_encoder_config.json")),
    Parameters(openCheckpoint(at: folder.appendingPathComponent("text_encoder.safetensors")), backend: backend))
}

func textTransformer(_ folder: URL, _ backend: Backend) throws -> DiT {
  try DiT(
    readConfiguration(DiTConfiguration.self, at: folder.appendingPathComponent("config.json")),
    Parameters(openCheckpoint(at: folder.appendingPathComponent("model.safetensors")), names: .ours, backend: backend))
}

/// An integer matrix as its rows.
func rows(of name: String, in file: Checkpoint) throws -> [[Int]] {
  let values = try file.integers(name)
  let width = max(1, file[name]?.shape.last ?? 1)
  return stride(from: 0, to: values.count, by: width).map { Array(values[$0..<min($0 + width, values.count)]) }
}

/// The states of the real tokens alone: what the mask leaves out is never read.
func unpadded(_ states: Tensor, _ mask: [Int]) throws -> Tensor {
  try Tensor.concatenated(mask.indices.filter { mask[$0] != 0 }.map { states.slice($0, count: 1) })
}

/// Compares text states row by row where the mask is 1; the goldens say nothing about the others.
func compareStates(
  _ test: inout VerificationCase, _ name: String, _ states: [Tensor], _ mask: [[Int]], _ file: Checkpoint
) throws {
  guard file.contains("expected." + name) else { return }
  let expected = try file.tensor("expected." + name)
  let wanted = try mask.indices.map { row in
    try unpadded(expected.slice(row, count: 1).reshaped(Array(expected.shape.dropFirst())), mask[row]).array
  }
  let actual = try zip(states, mask).flatMap { try unpadded($0, $1).array }
  test.compare(name, expected: wanted.flatMap { $0 }, actual: actual)
}

private func verifyPositions(_ test: inout VerificationCase) throws {
  let file = try test.data()
  for record in file.records {
    // expected.dim48.grid3x5.base6
    let numbers = record.name.string.split { !$0.isNumber }.compactMap { Int($0) }
    guard numbers.count == 4 else { throw VerificationError("\(record.name): not dimD.gridHxW.baseB") }
    let positions = try sinCosPositions(
      size: numbers[0], grid: Grid(height: numbers[1], width: numbers[2]), rule: .areaPreserving(base: numbers[3]))
    try test.compare(String(record.name.string.dropFirst("expected.".count)), in: file, actual: positions)
  }
}

// MARK: class-conditional models

/// facebookresearch/DiT: forward passes, and its guidance on three channels; from safetensors and from every PyTorch file
/// beside them, which must hold the same numbers.
@Sendable func verifyOfficialDiT(_ test: inout VerificationCase) throws {
  let file = try test.data()
  let configuration = try readConfiguration(DiTConfiguration.self, at: test.beside("config.json"))
  let weights = try openCheckpoint(at: test.beside("model.safetensors"))
  let model = try DiT(configuration, Parameters(weights, names: .official, backend: test.backend))
  if let scale = test.manifest["cfg_scale"]?.number {
    return try verifyOfficialGuidance(&test, model, file, scale: Float(scale))
  }
  try verifyForward(&test, model, file)
  for name in ["model.pt", "checkpoint.pt", "model-legacy.pt"] where test.has(name) {
    let stored = try openCheckpoint(at: test.beside(name))
    try test.exact("\(name) = safetensors", sameTensors(stored, weights))
    let model = try DiT(configuration, Parameters(stored, names: .official, backend: test.backend))
    try verifyForward(&test, model, file, note: name)
  }
}

/// Whether two checkpoints hold the same tensors to the last bit.
func sameTensors(_ a: Checkpoint, _ b: Checkpoint) throws -> Bool {
  try a.records.count == b.records.count && a.records.allSatisfy { record in
    guard let other = b.record(record.name), other.shape == record.shape, other.type == record.type else { return false }
    let (left, leftOwner) = try record.contiguous()
    let (right, rightOwner) = try other.contiguous()
    return withExtendedLifetime((leftOwner, rightOwner)) { memcmp(left, right, record.count * record.type.size) == 0 }
  }
}

/// The batch is [cond…, null…]; the second half of x is to be ignored. `output` carries guidance on channels 0–2 in both
/// halves, each with its own other channels; `eps_guided_all_channels` is the noise with every channel guided.
private func verifyOfficialGuidance(
  _ test: inout VerificationCase, _ model: DiT, _ file: Checkpoint, scale: Float
) throws {
  let x = try file.tensor("input.x")
  let half = x.shape[0] / 2
  let first = x.slice(0, count: half)
  let classes = try file.integers("input.class_id")
  let timesteps = try file.tensor("input.t").array
  let patch = model.configuration.patchSize
  let run = try DiTRun(
    model, conditions: classes.map { Condition(classIndex: $0) },
    grid: Grid(of: x, patchSize: patch), timesteps: [timesteps])
  let output = try run.predict(try Tensor.concatenated([first, first]), evaluation: 0)  // [2n, 2C, H, W]
  let channels = model.configuration.inChannels
  let conditional = try Prediction(output: output.slice(0, count: half), latentChannels: channels)
  let unconditional = try Prediction(output: output.slice(half, count: half), latentChannels: channels)
  let guided = { (channels: Guidance.Channels) in
    try Guidance(scale: scale, channels: channels).combine(conditional: conditional, unconditional: unconditional).output
  }
  try test.compare("eps_guided_all_channels", in: file, actual: guided(.all))
  // Put the guided channels back into both halves of the raw output.
  let official = try guided(.official)
  let expected = try output.copy()
  let area = x.shape[2] * x.shape[3]
  official.withFloats { from in
    expected.withFloats { to in
      for picture in 0..<2 * half {
        for i in 0..<min(3, channels) * area {
          to[picture * output.shape[1] * area + i] = from[picture % half * channels * area + i]
        }
      }
    }
  }
  try test.compare("output", in: file, actual: expected)
}

/// The paper's four conditioning schemes.
@Sendable func verifyScheme(_ test: inout VerificationCase) throws {
  let file = try test.data()
  let url = test.beside("config.json")
  var configuration = try readConfiguration(DiTConfiguration.self, at: url)
  if let grid = try readConfiguration(JSONValue.self, at: url)["grid"]?.integers, grid.count == 2 {
    configuration.sampleSize = grid.map { $0 * configuration.patchSize }
  }
  let model = try DiT(
    configuration, Parameters(openCheckpoint(at: test.beside("model.safetensors")), names: .official, backend: test.backend))
  try verifyForward(&test, model, file)
}

/// diffusers' DiT, with its own semantics and with the original's.
@Sendable func verifyDiffusersDiT(_ test: inout VerificationCase) throws {
  let file = try test.data()
  let weights = try openCheckpoint(at: test.beside("diffusion_pytorch_model.safetensors"))
  let settings = try readConfiguration(DiffusersDiTConfiguration.self, at: test.beside("config.json"))
  let backend = test.backend
  let model = { (compatibility: DiTCompatibility) in
    try DiT(settings.configuration(compatibility), Parameters(weights, names: .diffusersDiT, backend: backend))
  }
  let (theirs, official) = (try model(.diffusers), try model(.official))
  try verifyForward(&test, theirs, file)
  // The intermediate goldens are of diffusers' semantics alone.
  let inputs = try file.renamed { $0.hasPrefix("input.") || $0.hasSuffix("official_semantics") ? $0 : nil }
  try verifyForward(&test, official, inputs, output: "output_official_semantics")
  guard test.has("official-names.safetensors") else { return }
  let renamed = try DiT(
    settings.configuration(.official),
    Parameters(openCheckpoint(at: test.beside("official-names.safetensors")), backend: backend))
  try verifyForward(&test, renamed, inputs, output: "output_official_semantics", note: "official names")
}
