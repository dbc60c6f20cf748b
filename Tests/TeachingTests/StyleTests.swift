import DiTDiffusion
import DiTModels
import DiTTeaching
import DiTTensors
import DiTTestSupport
import DiTTextToImage
import Testing

/// A style is learnt where noise has left shapes; before that the model's own prediction is.
@Suite struct StyleTests {
  private let model: ModelFolder
  private let backend: Backend
  private let latents, asked, plain: Tensor

  init() throws {
    model = try MicroModel.folder()
    backend = try Backend(precision: .f32, threads: 1)
    let session = try TextToImage(model, backend: backend).makeSession()
    asked = try #require(try session.states(of: "a fox, dots style"))
    plain = try #require(try session.states(of: "a fox"))
    var random = TorchRandom(seed: 2)
    latents = try random.randn([model.transformer.latentChannels, 8, 8])
  }

  /// The loss of the first sample, whether its first random number was in the upper half, and its second below a third.
  private func begun(_ lesson: Lesson, seed: UInt64) throws -> (loss: Float, isUpper: Bool, isUntold: Bool) {
    let settings = LearnerSettings(rank: 2, rate: 1e-3, seed: seed, isStyle: true, modelHash: "")
    var random = TorchRandom(seed: seed)
    let loss = try AdapterLearner(model, backend: backend, settings).learn([lesson])
    return (loss, random.uniform() >= 0.5, random.uniform() < 1 / 3)
  }

  @Test func shapesStayTheModelsOwn() throws {
    // Nothing is changed yet by what is learnt: the model says of two like captions the same, and that is no error.
    let alike = Lesson(latents: latents, states: plain, isOwn: true, style: .init(asked: plain, plain: plain, none: plain))
    let other = Lesson(latents: latents, states: plain, isOwn: true, style: .init(asked: asked, plain: plain, none: plain))
    let taught = Lesson(latents: latents, states: asked, isOwn: false, style: .init(asked: asked, plain: plain, none: plain))
    var kinds: Set<[Bool]> = []
    for seed: UInt64 in 0..<16 {
      let (loss, isUpper, isUntold) = try begun(alike, seed: seed)
      kinds.insert([isUpper, isUntold])
      #expect((loss < 1e-9) == isUpper)
      let difference = try begun(other, seed: seed).loss
      #expect(isUpper && !isUntold ? difference > loss : difference == loss)
      #expect(try begun(taught, seed: seed).loss > 1e-3)
    }
    #expect(kinds.count == 4)
  }

  /// A style is measured at the timesteps at which it is learnt, the model's own pictures at all.
  @Test func whatIsMeasuredIsWhatIsLearnt() throws {
    let settings = LearnerSettings(rank: 2, rate: 1e-3, seed: 1, isStyle: true, modelHash: "")
    let learner = try AdapterLearner(model, backend: backend, settings)
    func error(isOwn: Bool, isStyle: Bool) throws -> Float {
      let style = isStyle ? Lesson.Style(asked: asked, plain: plain, none: plain) : nil
      return try learner.error(of: [Lesson(latents: latents, states: plain, isOwn: isOwn, style: style)], isTaught: true)
    }
    #expect(try error(isOwn: true, isStyle: true) == error(isOwn: true, isStyle: false))
    #expect(try error(isOwn: false, isStyle: true) != error(isOwn: false, isStyle: false))
  }
}
