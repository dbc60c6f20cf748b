import DiTCheckpoints
import DiTTensors
import DiTTestSupport
import DiTTransformer
import Testing

/// A loaded transformer is only read: runs of one side by side give the numbers each gives alone.
@Suite struct RaceTests {
  private static let threads = 2
  /// Modulations are made in the first evaluation of a run: many runs meet more often than a long one.
  private static let evaluations = 2

  @Test(arguments: ConditioningScheme.allCases)
  func runsShareAModel(_ scheme: ConditioningScheme) throws {
    let backend = try Backend(precision: .f32, threads: 2)
    let model = try DiT(Self.configuration(scheme), Parameters(RandomParameters(seed: 1), backend: backend))
    // Each thread at classes and timesteps of its own, so that the other's numbers would be wrong ones.
    let alone = try (0..<Self.threads).map { try Self.predictions(model, $0) }
    #expect(alone[0] != alone[1])
    let wrong = try onThreads(Self.threads) { thread in
      try (0..<80 / Self.evaluations).reduce(0) { wrong, _ in
        try wrong + zip(Self.predictions(model, thread), alone[thread]).filter { $0 != $1 }.count
      }
    }
    #expect(wrong == [0, 0], "of 80 predictions each")
  }

  /// Deep and wide enough that the threads meet while modulations are packed, few patches, so that it is soon done.
  private static func configuration(_ scheme: ConditioningScheme) -> DiTConfiguration {
    var configuration = DiTConfiguration(
      hiddenSize: 96, depth: 8, heads: 4, patchSize: 2, inChannels: 4, classes: 10, sampleSize: [4, 6],
      positions: .areaPreserving(base: 3))
    configuration.scheme = scheme
    configuration.mlpRatio = 1
    return configuration
  }

  /// One run from its preparation on: an output for each evaluation.
  private static func predictions(_ model: DiT, _ thread: Int) throws -> [[Float]] {
    let latents = try Tensor((0..<2 * 4 * 4 * 6).map { Float(($0 * 37 + thread) % 23) / 11 - 1 }, [2, 4, 4, 6])
    let run = try model.prepare(
      [Condition(classIndex: thread), Condition(classIndex: 7)], grid: model.configuration.nativeGrid,
      timesteps: (0..<evaluations).map { [Float(900 - 400 * $0 - thread), Float(850 - 400 * $0 - thread)] })
    return try (0..<evaluations).map { try run.predict(latents, evaluation: $0, probe: nil).array }
  }
}
