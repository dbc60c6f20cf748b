import DiTCheckpoints
import DiTDiffusion
import DiTTensors
import DiTTraining
import DiTTransformer
import Foundation

/// Gradients: of single operations, of whole models with adapters, through the text encoder, and what AdamW makes of them.
@Sendable func verifyTraining(_ test: inout VerificationCase) throws {
  let tape = Tape()
  let backend = try Backend(
    test.backend.kind, precision: test.backend.precision, threads: test.backend.threads, cpu: test.backend.cpuLevel, tape: tape)
  switch test.url.deletingPathExtension().lastPathComponent {
  case _ where test.name.hasPrefix("primitives/"): try verifyPrimitive(&test, backend, tape)
  case "adamw": try verifySteps(&test, backend, tape)
  case "through-text": try verifyThroughText(&test, backend, tape)
  default: try verifyGradients(&test, backend, tape)
  }
}

// MARK: models

/// The file's batch, or one of its batches.
private struct Batch {
  let latents, noise: Tensor
  let timesteps: [Int]
  let conditions: [Condition]
  /// [B, L, text size] where the file has it.
  let text: Tensor?

  /// - Parameter step: of a file that has several.
  init(_ file: Checkpoint, step: Int? = nil, texts: [Tensor]? = nil, null: Int) throws {
    func part(_ name: String) throws -> Tensor {
      let whole = try file.tensor(name)
      guard let step else { return whole }
      return whole.slice(step, count: 1).reshaped(Array(whole.shape.dropFirst()))
    }
    (latents, noise) = try (part("input.x0"), part("input.noise"))
    timesteps = try part("input.t").array.map { Int($0) }
    let count = timesteps.count
    let first = (step ?? 0) * count
    let classes = try Array(file.integers("input.class_id")[first..<first + count])
    let mask = try Array(rows(of: "input.mask", in: file)[first..<first + count])
    let text = try texts == nil ? part("input.text") : nil
    self.text = text
    conditions = (0..<count).map { index in
      let length = mask[index].reduce(0, +)
      // A view, for its gradient is asked for.
      let real = text.map { $0.reshaped([count * $0.shape[1], $0.shape[2]]).slice(index * $0.shape[1], count: length) }
      return Condition(classIndex: classes[index] == null ? nil : classes[index], text: real ?? texts?[index])
    }
  }

  func examples() -> [TrainingExample] {
    timesteps.indices.map {
      TrainingExample(
        latents: latents.slice($0, count: 1), noise: noise.slice($0, count: 1), timestep: timesteps[$0], condition: conditions[$0])
    }
  }
}

/// A model of a case, its adapters filled from the case's file, which may be without any.
private struct TaughtModel {
  let model: DiT
  let adapters: AdapterSet
  let loss: NoiseLoss

  init(_ test: VerificationCase, _ file: Checkpoint, _ backend: Backend) throws {
    let set = AdapterSet(
      rank: Int(test.manifest["rank"]?.number ?? 1), alpha: test.manifest["alpha"]?.number ?? 1, names: .ours
    ) { name, _ in try file.tensor("input.adapter." + name) }
    adapters = set
    let names = ParameterNames.ours
    model = try DiT(
      readConfiguration(DiTConfiguration.self, at: test.beside("config.json")),
      Parameters(openCheckpoint(at: test.beside("model.safetensors")), names: .ours, backend: backend) { layer, outputs, inputs in
        let stored = names.name(of: layer + ".weight").dropLast(".weight".count)
        return file.contains("input.adapter.\(stored).lora_A.weight") ? try set.adapter(layer, outputs, inputs) : nil
      })
    loss = NoiseLoss(.dit, gamma: test.manifest["min_snr_gamma"]?.number)
  }
}

private func verifyGradients(_ test: inout VerificationCase, _ backend: Backend, _ tape: Tape) throws {
  let file = try test.data()
  let taught = try TaughtModel(test, file, backend)
  let batch = try Batch(file, null: taught.model.configuration.classes)
  let x = try taught.loss.noised(batch.latents, batch.noise, batch.timesteps)
  try test.compare("x_t", in: file, actual: x)
  try test.compare(
    "weight", in: file, actual: Tensor(batch.timesteps.map(taught.loss.weight), [batch.timesteps.count]))
  tape.follow(x)
  batch.text.map(tape.follow)
  var shown: [(String, Tensor)] = []
  let last = taught.model.configuration.depth - 1
  let output = try tape.record {
    try taught.model.prepare(
      batch.conditions, grid: Grid(of: x, patchSize: taught.model.patchSize),
      timesteps: [batch.timesteps.map(Float.init)]
    ).predict(x, evaluation: 0) { point, tensor in
      let name = point == .embedding
        ? "block0.in" : (0...last).first { point == .block($0) }.map { $0 == last ? "before_final" : "block\($0 + 1).in" }
      guard let name else { return }
      shown.append(("act." + name, try tensor.copy()))
      tape.look(at: tensor) { shown.append(("grad." + name, try $0.copy())) }
    }
  }
  try test.compare("output", in: file, actual: output)
  let errors = try taught.loss.errors(
    output, batch.noise, batch.timesteps, batch: batch.timesteps.count, addingTo: tape.gradient(of: output))
  try test.compare("error", in: file, actual: Tensor(errors, [errors.count]))
  try tape.backward()
  for (name, tensor) in shown { try test.compare(name, in: file, actual: tensor) }
  try test.compare("grad.x_t", in: file, actual: tape.gradient(of: x))
  if let text = batch.text { try test.compare("grad.text", in: file, actual: tape.gradient(of: text)) }
  for (name, gradient) in try taught.adapters.gradients() { try test.compare("grad." + name, in: file, actual: gradient) }
}

private func verifySteps(_ test: inout VerificationCase, _ backend: Backend, _ tape: Tape) throws {
  let file = try test.data()
  let taught = try TaughtModel(test, file, backend)
  let rates = test.manifest["learning_rates"]?.array?.compactMap(\.number) ?? []
  let trainer = try AdapterTrainer(taught.model, tape, taught.adapters, taught.loss, optimiserSettings(test.manifest))
  var (losses, lengths): ([Float], [Float]) = ([], [])
  for (step, rate) in rates.enumerated() {
    let batch = try Batch(file, step: step, null: taught.model.configuration.classes)
    let (loss, length) = try trainer.step(batch.examples(), rate: rate)
    losses.append(loss)
    lengths.append(Float(length))
    guard step == 0 else { continue }
    for (name, tensor) in try taught.adapters.tensors() { try test.compare("step1." + name, in: file, actual: tensor) }
  }
  for (name, tensor) in try taught.adapters.tensors() { try test.compare("final." + name, in: file, actual: tensor) }
  try test.compare("loss", in: file, actual: Tensor(losses, [losses.count]))
  try test.compare("grad_norm", in: file, actual: Tensor(lengths, [lengths.count]))
}

func optimiserSettings(_ manifest: JSONValue) -> AdamW.Settings {
  var settings = AdamW.Settings()
  if let betas = manifest["betas"]?.array?.compactMap(\.number), betas.count == 2 {
    (settings.beta1, settings.beta2) = (betas[0], betas[1])
  }
  settings.eps = manifest["eps"]?.number ?? settings.eps
  settings.weightDecay = manifest["weight_decay"]?.number ?? settings.weightDecay
  settings.longestGradient = manifest["max_grad_norm"]?.number ?? settings.longestGradient
  return settings
}

/// From the loss through the transformer and the text encoder to the embeddings of the tokens.
private func verifyThroughText(_ test: inout VerificationCase, _ backend: Backend, _ tape: Tape) throws {
  let file = try test.data()
  let taught = try TaughtModel(test, file, backend)
  let encoder = try textEncoder(test.directory, backend)
  let ids = try rows(of: "input.ids", in: file)
  let mask = try rows(of: "input.mask", in: file)
  var embeddings: [Tensor] = []
  let (output, batch) = try tape.record {
    let states = try zip(ids, mask).map { ids, mask in
      try encoder.encode(Array(ids.prefix(mask.reduce(0, +)))) { point, tensor in
        guard point == .textEmbedding else { return }
        tape.follow(tensor)
        embeddings.append(tensor)
      }
    }
    let batch = try Batch(file, texts: states, null: taught.model.configuration.classes)
    let x = try taught.loss.noised(batch.latents, batch.noise, batch.timesteps)
    let grid = Grid(of: x, patchSize: taught.model.patchSize)
    let run = try taught.model.prepare(batch.conditions, grid: grid, timesteps: [batch.timesteps.map(Float.init)])
    return (try run.predict(x, evaluation: 0, probe: nil), batch)
  }
  let errors = try taught.loss.errors(
    output, batch.noise, batch.timesteps, batch: ids.count, addingTo: tape.gradient(of: output))
  let weighed = zip(errors, batch.timesteps).map { $0 * taught.loss.weight($1) }
  try test.compare("loss", in: file, actual: Tensor([weighed.reduce(0, +) / Float(ids.count)], [1]))
  try tape.backward()
  let width = encoder.width
  let all = try Tensor([ids.count, ids[0].count, width])
  var word = [Float](repeating: 0, count: width)
  for (index, embedding) in embeddings.enumerated() {
    let gradient = try tape.gradient(of: embedding)
    try gradient.copy(into: all.slice(index, count: 1).reshaped([ids[0].count, width]).slice(0, count: embedding.shape[0]))
    for (row, id) in ids[index].prefix(embedding.shape[0]).enumerated() where Double(id) == test.manifest["word_id"]?.number {
      for (column, value) in gradient.slice(row, count: 1).array.enumerated() { word[column] += value }
    }
  }
  try test.compare("grad.embeddings", in: file, actual: all)
  try test.compare("grad.row", in: file, actual: Tensor(word, [width]))
}
