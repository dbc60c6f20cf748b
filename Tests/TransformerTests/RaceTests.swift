import DiTCheckpoints
import DiTTensors
import DiTTestSupport
import DiTTransformer
import Testing

/// A loaded transformer is only read: runs of one side by side give the numbers each gives alone.
@Suite struct RaceTests {
  private static let threads = 2
  private static let evaluations = 4

  @Test(arguments: ConditioningScheme.allCases)
  func runsShareAModel(_ scheme: ConditioningScheme) throws {
    let folder = Fixtures.url("schemes/\(scheme.rawValue)")
    var configuration = try readConfiguration(DiTConfiguration.self, at: folder.appendingPathComponent("config.json"))
    configuration.sampleSize = [4, 6]
    let checkpoint = try openCheckpoint(at: folder.appendingPathComponent("model.safetensors"))
    let backend = try Backend(precision: .f32, threads: 2)
    let model = try DiT(configuration, Parameters(checkpoint, names: .official, backend: backend))
    // Each thread at classes and timesteps of its own, so that the other's numbers would be wrong ones.
    let alone = try (0..<Self.threads).map { try Self.predictions(model, $0) }
    #expect(alone[0] != alone[1])
    let wrong = try onThreads(Self.threads) { thread in
      // Modulations are made in the first evaluation of a run: many runs meet more often than a long one.
      try (0..<80 / Self.evaluations).reduce(0) { wrong, _ in
        try wrong + zip(Self.predictions(model, thread), alone[thread]).filter { $0 != $1 }.count
      }
    }
    #expect(wrong == [0, 0], "of 80 predictions each")
  }

  /// One run from its preparation on: an output for each evaluation.
  private static func predictions(_ model: DiT, _ thread: Int) throws -> [[Float]] {
    let grid = Grid(height: 2, width: 3)
    let latents = try Tensor((0..<2 * 4 * 4 * 6).map { Float(($0 * 37 + thread) % 23) / 11 - 1 }, [2, 4, 4, 6])
    let run = try model.prepare(
      [Condition(classIndex: thread), Condition(classIndex: 7)], grid: grid,
      timesteps: (0..<evaluations).map { [Float(900 - 200 * $0 - thread), Float(850 - 200 * $0 - thread)] })
    return try (0..<evaluations).map { try run.predict(latents, evaluation: $0, probe: nil).array }
  }
}
