import DiTDiffusion
import DiTErrors
import DiTModels

/// Why a request cannot be drawn.
package enum RequestError: WordedError {
  case size(PictureSize, nearest: PictureSize, step: Int, limits: ClosedRange<Int> = PictureSize.limits)
  case steps(Int)
  case guidance(Float)
  case guidanceInterval(ClosedRange<Float>)
  case guidanceParallel(Float)
  case enlargement(Int)
  case cacheThreshold(Float)
  case guidanceEvery(Int)
  /// Too few evaluations for a cache.
  case cacheSteps(Int)
  /// The model of that name has no threshold of its own.
  case noCacheThreshold(String)
  /// The model of that name cannot draw in few steps.
  case noFastAdapter(String)
  case promptTooLong(Int)
  /// What drawing starts from was fitted to another size than the picture's.
  case source(PictureSize, wanted: PictureSize)
  /// Pictures are drawn together that do not share all they have to.
  case unequal
  /// How many pictures are drawn together.
  case count(Int)
  case notFinite
  /// A mode that draws words alone.
  case noPicture
  /// A pair that is to start from a picture.
  case pairOfSource

  package var kind: UserErrorKind { .usage }

  package func line(_ say: (_ program: String, _ library: String) -> String) -> String {
    switch self {
    case .size(let size, let nearest, let step, let limits):
      "size \(size): width and height must be multiples of \(step) from \(limits.lowerBound) to "
        + "\(limits.upperBound); the nearest legal size is \(nearest)"
    case .steps(let steps): "\(steps) steps: expected 1 to 1000"
    case .guidance(let scale): "guidance \(scale): expected a number from 0 to 100"
    case .guidanceInterval(let interval):
      "guidance interval \(interval.lowerBound.brief),\(interval.upperBound.brief): expected timesteps from 0 to 999"
    case .enlargement(let times): "\(times) times as large: expected 1 to 4"
    case .guidanceParallel(let share): "guidance parallel \(share): expected a number from 0 to 1"
    case .cacheThreshold(let threshold): "cache \(threshold): expected a threshold from 0 to 1"
    case .guidanceEvery(let steps): "guidance every \(steps): expected 1 to 4"
    case .cacheSteps(let count):
      "a cache saves nothing in \(counted(count, "step")), it needs more than 8: "
        + say("leave out --cache, or say --cache off", "set cacheThreshold to nil")
    case .noCacheThreshold(let name):
      "\(name) has no cache threshold of its own: "
        + say(
          "give one (--cache 0.1) or say --cache off, or measure it with 'dit-t2i calibrate PROMPTS --model \(name)'",
          "set cacheThreshold to 0.1, say")
    case .noFastAdapter(let name):
      "\(name) has no adapter for few steps (\(FastAdapter.fileName) in its folder, which Weights/recipe makes): "
        + say("leave out --fast; --steps 8 takes half the time of 16", "set steps to 8, say")
    case .promptTooLong(let count): "the prompt has \(count) bytes; at most 1,000,000 are read"
    case .source(let size, let wanted):
      "the source picture was fitted to \(size), but a picture of \(wanted) is asked for; make both the same"
    case .unequal: "pictures drawn together share all but words, class and seed; draw the others by themselves"
    case .count(let count): "\(count) pictures: expected 1 or more"
    case .noPicture: "nothing but words would be drawn: those are a caption's"
    case .pairOfSource: "a pair is drawn from nothing: leave \(say("--image", "its source")) out"
    case .notFinite:
      "the model's numbers overflowed (NaN or infinity); try "
        + say("--precision f32 or a lower --guidance", "the precision f32 or a lower guidanceScale")
    }
  }
}
