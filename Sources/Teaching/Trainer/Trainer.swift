import DiTModels
import DiTTensors
import Foundation

/// One thing to learn from: latents and what they are called.
package struct Lesson: Sendable {
  /// [C, H, W], scaled as the transformer sees them.
  package let latents: Tensor
  /// Text states of the caption, [L, size]; nil: the model reads none.
  package let states: Tensor?
  package let classIndex: Int?
  /// The model drew it itself: it keeps what it knew.
  package let isOwn: Bool
  package let style: Style?

  /// Of a style that is taught: text states of the caption with it, of that without it, and of no words.
  package struct Style: Sendable {
    let asked, plain, none: Tensor

    package init(asked: Tensor, plain: Tensor, none: Tensor) { (self.asked, self.plain, self.none) = (asked, plain, none) }
  }

  package init(latents: Tensor, states: Tensor?, classIndex: Int? = nil, isOwn: Bool, style: Style? = nil) {
    (self.latents, self.states, self.classIndex, self.isOwn, self.style) = (latents, states, classIndex, isOwn, style)
  }
}

/// What changes an adapter by lessons.
package protocol Learner: AnyObject {
  /// Learnt from so far.
  var samples: Int { get }
  /// How many there will be in all: the rate falls over the last of them. Said before the first step, or after a few where
  /// the time decides; a learner that was restored is told again.
  func plan(samples: Int)
  /// One step on a batch; the loss.
  func learn(_ lessons: [Lesson]) throws -> Float
  /// The mean loss of lessons, at noise that is the same every time, with or without what was learnt.
  func error(of lessons: [Lesson], isTaught: Bool) throws -> Float
  /// Writes adapters, moments, counters and random state: a whole file or none.
  func save(to url: URL) throws
  /// - Throws: `UserError` where the file is damaged or belongs to other settings.
  func restore(from url: URL) throws
  /// The adapters by PEFT's names: `base_model.model.blocks.0.attn.qkv.lora_A.weight` [r, in], `….lora_B.weight` [out, r].
  /// What is added to a weight is B·A.
  func tensors() throws -> [(name: String, tensor: Tensor)]
}

/// What a learner is made with.
package struct LearnerSettings: Sendable, Equatable {
  package var rank: Int
  /// The largest learning rate.
  package var rate: Double
  package var seed: UInt64
  package var isStyle: Bool
  /// `ModelFingerprint` of the model.
  package var modelHash: String
  /// Each block is computed twice, which takes less memory and changes nothing.
  package var recomputes = false

  package init(rank: Int, rate: Double, seed: UInt64, isStyle: Bool, modelHash: String) {
    (self.rank, self.rate, self.seed, self.isStyle, self.modelHash) = (rank, rate, seed, isStyle, modelHash)
  }
}

/// Makes a learner of a model.
package typealias LearnerMaker = (ModelFolder, Backend, LearnerSettings) throws -> any Learner
