import DiTCheckpoints
import DiTDiffusion
import DiTTensors
import DiTTraining
import DiTTransformer

/// One operation, forwards and back.
func verifyPrimitive(_ test: inout VerificationCase, _ backend: Backend, _ tape: Tape) throws {
  let file = try test.data()
  let name = test.url.deletingPathExtension().lastPathComponent
  if name == "adamw" { return try verifyOptimiser(&test, file) }
  if name == "loss" { return try verifyLoss(&test, file) }
  if name.hasPrefix("attention") { return try verifyAttention(&test, file, backend, tape) }

  func input(_ name: String) throws -> Tensor { try file.tensor("input." + name) }
  let dy = try input("grad_output")
  let given = try input(file.contains("input.branch") ? "branch" : "x")
  /// Per-picture rows of a table.
  func table(_ name: String) throws -> Modulation {
    let table = try input(name)
    tape.follow(table)
    return Modulation(table, column: 0, rowsPerGroup: given.shape[1])
  }
  tape.follow(given)
  var followed = [(given, file.contains("input.branch") ? "branch" : "x")]
  var out = try Tensor(dy.shape)
  var adapters: AdapterSet?
  try tape.record {
    switch name {
    case "linear-a", "linear-b", "lora-linear":
      let (weight, bias) = try (input("weight"), input("bias"))
      var adapter: Adapter?
      if file.contains("input.lora_A") {
        let rank = try input("lora_A").rows
        let set = AdapterSet(rank: rank, alpha: (test.manifest["scale"]?.number ?? 1) * Double(rank), names: .official) { name, _ in
          try input(name.contains("lora_A") ? "lora_A" : "lora_B")
        }
        adapter = try set.adapter("layer", weight.rows, weight.columns)
        adapters = set
      }
      try backend.apply(backend.linear([weight.stored], bias: bias, adapter: adapter), to: given, into: out)
    case "layernorm": try backend.layerNorm(given, eps: Float(test.manifest["eps"]?.number ?? 1e-6), into: out)
    case "layernorm-modulate":
      let (shift, scale) = try (input("shift"), input("scale"))
      // One table of both, as models have them.
      let both = try Tensor([shift.rows, 2 * shift.columns])
      for row in 0..<shift.rows {
        for (part, tensor) in [shift, scale].enumerated() {
          try tensor.slice(row, count: 1).reshaped([shift.columns]).copy(
            into: both.reshaped([2 * shift.rows, shift.columns]).slice(2 * row + part, count: 1).reshaped([shift.columns]))
        }
      }
      tape.follow(both)
      try backend.layerNorm(
        given, eps: Float(test.manifest["eps"]?.number ?? 1e-6), shift: Modulation(both, column: 0, rowsPerGroup: given.shape[1]),
        scale: Modulation(both, column: shift.columns, rowsPerGroup: given.shape[1]), into: out)
      followed.append((both, "shift and scale"))
    case "rmsnorm":
      try backend.rmsNorm(given, weight: input("weight"), eps: Float(test.manifest["eps"]?.number ?? 1e-6), into: out)
    case "gelu-tanh": try backend.activate(.geluTanh, given, into: out)
    case "silu": try backend.activate(.silu, given, into: out)
    case "residual-gate":
      out = try input("x").copy()
      tape.follow(out)
      let gate = try table("gate")
      followed += [(gate.table, "gate"), (out, "x")]
      try backend.accumulate(given, gate: gate, into: out)
    case "patch-embed":
      let (weight, bias) = try (input("weight"), input("bias"))
      let patches = try Tensor([dy.shape[0] * dy.shape[1], weight.count / weight.shape[0]])
      patchify(given, patchSize: weight.shape[2], into: patches)
      backend.reordered(given, into: patches) { addPatchified($0, patchSize: weight.shape[2], to: $1) }
      let matrix = weight.reshaped([weight.shape[0], patches.columns])
      try backend.apply(
        backend.linear([matrix.stored], bias: bias), to: patches, into: out.reshaped([patches.rows, matrix.rows]))
    case "unpatchify":
      let patch = Int((Double(dy.count) / Double(dy.shape[1]) / Double(given.rows)).squareRoot())
      let grid = Grid(of: dy, patchSize: patch)
      unpatchify(given, patchSize: patch, grid: grid, into: out)
      backend.reordered(given, into: out) { addUnpatchified($0, patchSize: patch, grid: grid, to: $1) }
    default: throw VerificationError("no such operation")
    }
  }
  try test.compare("output", in: file, actual: out)
  try dy.copy(into: tape.gradient(of: out))
  try tape.backward()
  for (tensor, name) in followed {
    let gradient = try tape.gradient(of: tensor)
    if name == "shift and scale" {
      let width = gradient.columns / 2
      let halves = [("shift", 0), ("scale", width)].map { name, start in
        (name, (0..<gradient.rows).flatMap { gradient.slice($0, count: 1).array[start..<start + width] })
      }
      for (name, numbers) in halves { try test.compare("grad." + name, in: file, actual: Tensor(numbers, [numbers.count])) }
    } else {
      try test.compare("grad." + name, in: file, actual: gradient)
    }
  }
  for (name, gradient) in try adapters?.gradients() ?? [] {
    try test.compare(name.contains("lora_A") ? "grad.lora_A" : "grad.lora_B", in: file, actual: gradient)
  }
}

/// [B, heads, rows, size] as the kernels have it, [B · rows, heads · size], or back.
private func swapped(_ tensor: Tensor) throws -> Tensor {
  let (batch, a, b, size) = (tensor.shape[0], tensor.shape[1], tensor.shape[2], tensor.shape[3])
  let result = try Tensor([batch, b, a, size])
  tensor.withFloats { from in
    result.withFloats { to in
      for n in 0..<batch {
        for i in 0..<a {
          for j in 0..<b {
            for k in 0..<size { to[((n * b + j) * a + i) * size + k] = from[((n * a + i) * b + j) * size + k] }
          }
        }
      }
    }
  }
  return result
}

private func verifyAttention(_ test: inout VerificationCase, _ file: Checkpoint, _ backend: Backend, _ tape: Tape) throws {
  let parts = ["q", "k", "v"]
  let inputs = try parts.map { try swapped(file.tensor("input." + $0)) }
  let (queries, keys) = (inputs[0].shape, inputs[1].shape)
  let (heads, size) = (queries[2], queries[3])
  let operands = inputs.map { $0.reshaped([$0.shape[0] * $0.shape[1], heads * size]) }
  operands.forEach(tape.follow)
  let mask = try file.contains("input.mask") ? file.integers("input.mask").map { UInt8(clamping: $0) } : nil
  let out = try Tensor(operands[0].shape)
  try tape.record {
    try backend.attention(
      AttentionShape(batch: queries[0], heads: heads, headSize: size, queries: queries[1], keys: keys[1]), q: operands[0],
      k: operands[1], v: operands[2], reading: AttentionKeys(mask: mask), into: out)
  }
  try test.compare("output", in: file, actual: swapped(out.reshaped(queries)))
  let dy = try swapped(file.tensor("input.grad_output")).reshaped(out.shape)
  try dy.copy(into: tape.gradient(of: out))
  try tape.backward()
  for (index, name) in parts.enumerated() {
    try test.compare("grad." + name, in: file, actual: swapped(tape.gradient(of: operands[index]).reshaped(inputs[index].shape)))
  }
}

private func verifyLoss(_ test: inout VerificationCase, _ file: Checkpoint) throws {
  let (output, noise) = try (file.tensor("input.output"), file.tensor("input.noise"))
  let weights = try file.tensor("input.weight").array
  let gradient = try Tensor(output.shape)
  let errors = NoiseLoss.errors(output, noise, weights: weights, batch: weights.count, addingTo: gradient)
  let loss = zip(errors, weights).reduce(0) { $0 + $1.0 * $1.1 } / Float(weights.count)
  try test.compare("output", in: file, actual: Tensor([loss], [1]))
  let dy = try file.tensor("input.grad_output").array[0]
  gradient.withFloats { for i in $0.indices { $0[i] *= dy } }
  try test.compare("grad.output", in: file, actual: gradient)
}

private func verifyOptimiser(_ test: inout VerificationCase, _ file: Checkpoint) throws {
  let names = ["p", "q"]
  let parameters = try names.map { name in
    let values = try file.tensor("input.parameter." + name).copy()
    return (values: values, gradient: try Tensor(values.shape))
  }
  var optimiser = try AdamW(parameters, optimiserSettings(test.manifest))
  let rates = test.manifest["learning_rates"]?.array?.compactMap(\.number)
  var (after, lengths): ([[Float]], [Float]) = ([[], []], [])
  let steps = try file.tensor("expected.grad_norm").count
  for step in 0..<steps {
    for (index, name) in names.enumerated() {
      let gradients = try file.tensor("input.gradient." + name)
      try gradients.slice(step, count: 1).reshaped(parameters[index].values.shape).copy(into: parameters[index].gradient)
    }
    lengths.append(Float(optimiser.step(rate: rates?[step] ?? test.manifest["learning_rate"]?.number ?? 0)))
    for index in names.indices { after[index] += parameters[index].values.array }
  }
  try test.compare("grad_norm", in: file, actual: Tensor(lengths, [steps]))
  for (index, name) in names.enumerated() {
    try test.compare("after." + name, in: file, actual: Tensor(after[index], [after[index].count]))
  }
}
