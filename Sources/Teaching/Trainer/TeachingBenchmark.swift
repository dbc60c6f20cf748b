import DiTDiffusion
import DiTModels
import DiTTensors
import DiTTextToImage

/// A step of teaching by itself, so that it can be timed (`dit-t2i benchmark`).
package final class TeachingBenchmark {
  private let learner: AdapterLearner
  private let lessons: [Lesson]

  /// - Parameters:
  ///   - session: whose model is taught, from latents by chance that all have one caption.
  ///   - count: lessons of a step.
  /// - Throws: `UserError` where the model cannot be taught or has no such size.
  package init(
    _ session: DrawingSession, backend: Backend, size: PictureSize, count: Int, caption: String = "a red fox in snow"
  ) throws {
    let folder = session.model.folder
    guard count > 0 else { throw RequestError.count(count) }
    try folder.check(GenerationRequest(size: size))
    guard let states = try session.states(of: caption) else { throw TeachingError.noText(folder.name) }
    let shape = session.model.latentShape(size)
    lessons = try (0..<count).map { index in
      var random = TorchRandom(seed: UInt64(index))
      return Lesson(latents: try random.randn(shape), states: states, isOwn: false)
    }
    learner = try AdapterLearner(
      folder, backend: backend, LearnerSettings(rank: 8, rate: 1e-3, seed: 0, isStyle: false, modelHash: ""))
  }

  /// Forwards, backwards, and AdamW.
  package func step() throws { _ = try learner.learn(lessons) }
}
