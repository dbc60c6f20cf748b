import DiTCheckpoints
import DiTErrors
import DiTModels
import DiTTensors
import Foundation

/// All that the result depends on: a run that goes on must have the same.
package struct TeachingSettings: Codable, Sendable, Equatable {
  package let word: String
  package let isStyle: Bool
  /// Of a model that reads no words.
  package let classIndex: Int?
  package let rank: Int
  package let rate: Double
  package let seed: UInt64
  /// Nil: ``minutes`` decide.
  package let samples: Int?
  package let minutes: Double?
  /// What is computed in.
  package let precision: String
  /// Name and hash of the model's files.
  package let model, modelHash: String
  /// Hash of the pictures' and their captions.
  package let pictures: String
  /// Of what is made of them: another version of the program may make other lessons.
  private let form: Int

  private enum CodingKeys: String, CodingKey {
    case word, isStyle = "style", classIndex = "class", rank, rate, seed, samples, minutes, precision, model
    case modelHash = "model-hash", pictures, form
  }

  /// - Parameters:
  ///   - samples: nil: by the number of pictures, unless there are minutes.
  /// - Throws: ``TeachingError`` where the model cannot be taught, or not so.
  package init(
    wording: Wording, rank: Int = 8, rate: Double = 1e-3, seed: UInt64 = 0, samples: Int? = nil, minutes: Double? = nil,
    backend: Backend, model: ModelFolder, pictures: TaughtPictures
  ) throws {
    guard model.scheduler.schedule.prediction == .noise else { throw TeachingError.family(model.name) }
    switch (model.text, wording.classIndex) {
    case (nil, nil): throw TeachingError.noText(model.name)
    case (.some, .some): throw TeachingError.readsText(model.name)
    default: break
    }
    (word, isStyle, classIndex) = (wording.word, wording.isStyle, wording.classIndex)
    (self.rank, self.rate, self.seed, self.minutes) = (rank, rate, seed, minutes)
    self.samples = samples ?? (minutes == nil ? Self.samples(pictures: pictures.items.count, isStyle: isStyle) : nil)
    (precision, self.model, modelHash) = (backend.precision.rawValue, model.name, try ModelFingerprint(model).hash)
    self.pictures = sha256(Array(pictures.items.map { "\($0.hash) \($0.caption ?? "")\n" }.joined().utf8))
    form = 3
  }

  /// As many as bring out what is taught (docs/TEACHING.md): 1,200 for twelve pictures of a thing, 1,600 for 46 of a style.
  static func samples(pictures: Int, isStyle: Bool) -> Int {
    isStyle ? min(6000, max(1000, 900 + 15 * pictures)) : min(3000, max(900, 900 + 25 * pictures))
  }

  /// What is not the same, as the options are called.
  func differences(from other: Self) throws -> [String] {
    func fields(_ settings: Self) throws -> [String: JSONValue] {
      try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(settings)).object ?? [:]
    }
    let (own, theirs) = (try fields(self), try fields(other))
    return Set(own.keys).union(theirs.keys).filter { own[$0] != theirs[$0] }.sorted()
  }

  var learner: LearnerSettings {
    LearnerSettings(rank: rank, rate: rate, seed: seed, isStyle: isStyle, modelHash: modelHash)
  }

  /// "rank 8, rate 0.001, seed 0": for people.
  var words: String { "rank \(rank), rate \(rate), seed \(seed)\(isStyle ? ", style" : "")" }
}
