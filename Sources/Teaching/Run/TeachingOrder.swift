import DiTErrors
import DiTModels
import DiTTensors
import Foundation

/// What somebody wants to have taught: the program's options, or the fields of a request.
package struct TeachingOrder: Sendable {
  /// What the result is called, without a file's ending.
  package let name: String
  package var wording: Wording
  package var rank = 8
  package var rate = 1e-3
  package var seed: UInt64 = 0
  /// Nil: ``minutes`` decide, or else the number of pictures.
  package var samples: Int?
  package var minutes: Double?

  /// What each of them may be.
  package static let (ranks, rates) = (1...128, 1e-6...0.1)
  package static let (sampleCounts, times) = (4...1_000_000, 0.1...1000.0)

  /// - Parameters:
  ///   - name: of a file, with its ending or without.
  ///   - word: nil: what the name says.
  /// - Throws: ``TeachingError/name(_:)``, ``TeachingError/word(_:)``.
  package init(name: String, word: String?, isStyle: Bool) throws {
    let ending = ".safetensors"
    let stem = name.hasSuffix(ending) ? String(name.dropLast(ending.count)) : name
    let isName = !stem.isEmpty && !stem.hasPrefix(".") && stem.utf8.count <= 100
      && stem.unicodeScalars.allSatisfy { $0 != "/" && $0.properties.generalCategory != .control }
    guard isName else { throw TeachingError.name(name) }
    self.name = stem
    wording = try Wording(word: word ?? Wording.word(ofName: stem), isStyle: isStyle)
  }

  /// Where the result lies in a folder.
  package func target(in folder: URL) -> URL { folder.appendingPathComponent(name + ".safetensors") }

  /// Whether something was taught there before. One whose run is not over is not: that goes on to its end.
  package static func isTaken(_ target: URL) -> Bool {
    FileManager.default.fileExists(atPath: target.path)
      && !FileManager.default.fileExists(atPath: TeachingFolder.place(of: target).path)
  }

  /// Which of a text's words a model does not know; nil where nobody can tell.
  package static func unknownWords(of model: ModelFolder) -> (@Sendable (String) -> [String])? {
    guard let vocabulary = Vocabulary(of: model) else { return nil }
    return { vocabulary.unknown(in: $0) }
  }

  /// What a user may not expect of pictures and words, a line each.
  /// - Parameter option: what the word is given by.
  package func notes(on pictures: TaughtPictures, _ model: ModelFolder, option: String) -> [String] {
    let word = wording.word
    guard !wording.isStyle, let unknown = Self.unknownWords(of: model), unknown(word).isEmpty else { return pictures.notes }
    let note = "\(model.name) draws something for \(listed([word])) already, and will draw yours instead; "
      + "\(option) \"my \(word)\" would keep both"
    return pictures.notes + [note]
  }

  /// A run, new or gone on with, whose folder is held until it is dropped.
  /// - Throws: `UserError`s of the model and the disk.
  package func makeRun(
    _ pictures: TaughtPictures, model: ModelFolder, backend: Backend, target: URL
  ) throws -> TeachingRun {
    let batch = LessonOrder.batch
    let settings = try TeachingSettings(
      wording: wording, rank: rank, rate: rate, seed: seed, samples: samples.map { ($0 + batch - 1) / batch * batch },
      minutes: minutes, backend: backend, model: model, pictures: pictures)
    let folder = try TeachingFolder(TeachingFolder.place(of: target), settings)
    return try TeachingRun(
      settings, pictures, model: model, backend: backend, folder: folder, target: target,
      learner: { try AdapterLearner($0, backend: $1, $2) })
  }
}
