import DiTErrors

/// Why nothing can be taught, or not so, in one line.
package enum TeachingError: WordedError, Equatable {
  case name(String)
  case word(String)
  /// The model reads no words, and nobody said which class is taught.
  case noText(String)
  /// A class was said to a model that reads words.
  case readsText(String)
  /// Its network has no backward pass here, or does not predict noise.
  case family(String)
  case noPictures(String)
  case tooMany(path: String, pictures: Int, limit: Int)
  case tooSmall(path: String, width: Int, height: Int, least: Int)
  /// A picture of which nothing is seen.
  case transparent(path: String)
  case caption(path: String, reason: String)
  /// The folder of a run that goes on, and what is not as it was.
  case otherSettings(path: String, changed: [String])
  case locked(path: String)
  case foreign(path: String)
  case damaged(path: String, reason: String)
  case notFinite(sample: Int)

  package var kind: UserErrorKind {
    switch self {
    case .name, .word, .noText, .readsText, .family, .otherSettings, .notFinite: .usage
    case .noPictures: .notFound
    case .tooMany, .tooSmall, .transparent, .caption, .damaged: .damagedData
    case .locked, .foreign: .cannotWrite
    }
  }

  package func line(_ say: (_ program: String, _ library: String) -> String) -> String {
    switch self {
    case .name(let name): "\(listed([name])): expected a name for a file, as my-penguin"
    case .word(let word): "\(say("--word", "the word")) \(listed([word])): expected a few words, of 200 bytes at most"
    case .noText(let model): "\(model) reads no words: say with \(say("--class", "a class")) which class the pictures show"
    case .readsText(let model): "\(model) reads words: leave out \(say("--class", "the class"))"
    case .family(let model): "\(model) cannot be taught: that takes a DiT or PixArt that predicts noise"
    case .noPictures(let path): "\(path): no picture (.png, .jpg or .webp)"
    case .tooMany(let path, let pictures, let limit): "\(path): \(pictures) pictures; at most \(limit) are taught at once"
    case .tooSmall(let path, let width, let height, let least):
      "\(path): \(width)x\(height) pixels; at least \(least)x\(least) are needed"
    case .transparent(let path): "\(path): nothing is seen, all of it is transparent"
    case .caption(let path, let reason): "\(path): \(reason)"
    case .otherSettings(let path, let changed):
      "\(path): begun with other settings (\(changed.joined(separator: ", "))); say them as they were to go on, or "
        + say("remove the folder to start anew", "start anew")
    case .locked(let path): "\(path): another run is teaching this"
    case .foreign(let path): "\(path) is there already, and no run of teach made it: choose another name"
    case .damaged(let path, let reason): "\(path): \(reason); remove it, and the same command makes it anew"
    case .notFinite(let sample):
      "the numbers overflowed at sample \(sample): remove the .teaching folder and try a lower \(say("--rate", "rate"))"
    }
  }
}
