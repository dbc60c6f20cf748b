import DiTCheckpoints
import DiTDiffusion
import DiTTensors
import DiTTraining
import DiTTransformer
import Foundation
import Testing

/// A small text DiT with adapters beside all layers of its blocks, their numbers random, and a batch of two.
private struct Pupil {
  let tape: Tape
  let adapters: AdapterSet
  let trainer: AdapterTrainer
  let examples: [TrainingExample]

  init(_ kind: Backend.Kind = .native, threads: Int = 1, together: Int = 2, recomputes: Bool = false) throws {
    tape = Tape(recomputes: recomputes)
    let fields = """
      {"hidden_size": 24, "depth": 2, "num_heads": 2, "patch_size": 2, "in_channels": 3, "num_classes": 4, "text_dim": 12, \
      "base_grid": 4, "mlp_ratio": 4, "learn_sigma": true}
      """
    let configuration = try JSONDecoder().decode(DiTConfiguration.self, from: Data(fields.utf8))
    let backend = try Backend(kind, precision: .f32, threads: threads, tape: tape)
    var random = TorchRandom(seed: 3)
    let set = AdapterSet(rank: 3, alpha: 6, names: .official) { _, shape in
      let numbers = try random.randn(shape)
      numbers.withFloats { for i in $0.indices { $0[i] *= 0.3 } }
      return numbers
    }
    let model = try DiT(
      configuration,
      Parameters(RandomParameters(seed: 1, type: .f32), backend: backend) { layer, outputs, inputs in
        layer.hasPrefix("blocks.") ? try set.adapter(layer, outputs, inputs) : nil
      })
    adapters = set
    trainer = try AdapterTrainer(model, tape, set, NoiseLoss(.dit), together: together)
    var noise = TorchRandom(seed: 5)
    examples = try [(700, 5), (120, 1)].map { timestep, length in
      TrainingExample(
        latents: try noise.randn([1, 3, 4, 6]), noise: try noise.randn([1, 3, 4, 6]), timestep: timestep,
        condition: Condition(classIndex: length == 1 ? 2 : nil, text: try noise.randn([length, 12])))
    }
  }

  /// The loss alone; what it added to the gradients is taken out.
  func loss() throws -> Float {
    let loss = try trainer.addGradients(of: examples)
    clear()
    return loss
  }

  func clear() {
    for parameter in adapters.parameters { parameter.gradient.withFloats { $0.update(repeating: 0) } }
  }
}

@Suite struct GradientTests {
  /// Every matrix, along a random direction: what the loss changes by is what the gradient says.
  @Test func finiteDifferences() throws {
    let pupil = try Pupil(.reference)
    _ = try pupil.trainer.addGradients(of: pupil.examples)
    let gradients = try pupil.adapters.parameters.map { try $0.gradient.copy() }
    pupil.clear()
    var random = TorchRandom(seed: 9)
    #expect(pupil.adapters.entries.count == 2 * 8)
    for (parameter, gradient) in zip(pupil.adapters.parameters, gradients) {
      let direction = try random.randn(parameter.values.shape).array
      let slope = zip(gradient.array, direction).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
      let step: Float = 1e-3
      func loss(_ times: Float) throws -> Double {
        parameter.values.withFloats { for i in $0.indices { $0[i] += times * step * direction[i] } }
        defer { parameter.values.withFloats { for i in $0.indices { $0[i] -= times * step * direction[i] } } }
        return Double(try pupil.loss())
      }
      let measured = try (loss(1) - loss(-1)) / Double(2 * step)
      #expect(abs(measured - slope) < 0.02 * abs(slope) + 4e-3, "\(measured) is not \(slope)")
    }
  }

  /// Steps end in the same bytes for every number of threads, and however many pictures are in memory at a time nearly so.
  @Test func threadsAndPieces() throws {
    func taught(threads: Int, together: Int) throws -> [Float] {
      let pupil = try Pupil(threads: threads, together: together)
      for _ in 0..<3 { try pupil.trainer.step(pupil.examples, rate: 1e-2) }
      return try pupil.adapters.tensors().flatMap(\.tensor.array)
    }
    let once = try taught(threads: 1, together: 2)
    #expect(try taught(threads: 2, together: 2) == once)
    #expect(try taught(threads: 4, together: 2) == once)
    let apart = try taught(threads: 1, together: 1)
    #expect(zip(once, apart).allSatisfy { abs($0 - $1) < 1e-3 })
  }

  /// Blocks that are computed again on the way back change no byte.
  @Test(arguments: [Backend.Kind.native, .reference]) func recomputed(_ kind: Backend.Kind) throws {
    func gradients(recomputes: Bool) throws -> [Float] {
      let pupil = try Pupil(kind, recomputes: recomputes)
      for _ in 0..<2 { _ = try pupil.trainer.addGradients(of: pupil.examples) }
      return pupil.adapters.parameters.flatMap(\.gradient.array)
    }
    let kept = try gradients(recomputes: false)
    #expect(kept.contains { $0 != 0 })
    #expect(try gradients(recomputes: true) == kept)
  }

  /// A hundred steps on one batch learn it.
  @Test func learns() throws {
    let pupil = try Pupil()
    let before = try pupil.loss()
    for _ in 0..<100 { try pupil.trainer.step(pupil.examples, rate: 1e-2) }
    #expect(try pupil.loss() < before / 3)
  }

  /// What the model says without its adapters can be learnt instead of the noise: without them nothing is missing, and they learn
  /// to change nothing.
  @Test(arguments: [Backend.Kind.native, .reference]) func itsOwnPredictionIsATarget(_ kind: Backend.Kind) throws {
    let pupil = try Pupil(kind)
    let examples = try pupil.examples.map {
      TrainingExample(
        latents: $0.latents, noise: $0.noise, target: try pupil.trainer.ownPrediction($0), timestep: $0.timestep,
        condition: $0.condition)
    }
    #expect(examples.allSatisfy { $0.target?.shape == $0.noise.shape })
    #expect(try pupil.adapters.leavingOut { try pupil.trainer.addGradients(of: examples) } < 1e-9)
    pupil.clear()
    let before = try pupil.trainer.step(examples, rate: 1e-2).loss
    for _ in 0..<100 { try pupil.trainer.step(examples, rate: 1e-2) }
    #expect(try pupil.trainer.step(examples, rate: 1e-2).loss < before / 10)
  }

  /// Adapters whose B is zero, as training begins, change nothing.
  @Test func beginsUnchanged() throws {
    let set = AdapterSet(rank: 2, alpha: 2, names: .official, seed: 1)
    let adapter = try set.adapter("blocks.0.attn.proj", 4, 6)
    #expect(adapter.up.array.allSatisfy { $0 == 0 })
    #expect(adapter.down.array.allSatisfy { abs($0) <= 1 / Float(6).squareRoot() } && Set(adapter.down.array).count > 6)
    #expect(try set.tensors().map(\.name) == ["blocks.0.attn.proj.lora_A.weight", "blocks.0.attn.proj.lora_B.weight"])
  }

  @Test func operationsWithoutGradientsSaySo() throws {
    let tape = Tape()
    let backend = try Backend(.native, precision: .f32, threads: 1, tape: tape)
    let x = try Tensor([4, 8])
    tape.follow(x)
    #expect(throws: BackendError.self) {
      try tape.record { try backend.linearAttention(heads: 2, tokens: 4, eps: 1e-6, q: x, k: x, v: x, into: Tensor([4, 8])) }
    }
  }
}
