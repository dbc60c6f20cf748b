import DiTErrors
import DiTImage
import DiTTextToImage

/// Pictures that somebody waits for. When the consumer of its events is cancelled or goes, what is not drawn yet never is.
package struct DeskOrder: Sendable {
  package let id: String
  package let model: String
  package let requests: [GenerationRequest]
  /// What was made of words in the prompt, a line each.
  package let notes: [String]
  /// What happens, until all pictures are there; throws what went wrong.
  package let events: AsyncThrowingStream<DeskEvent, any Error>

  /// For answers, where none are left out.
  var spokenNotes: [String]? { notes.isEmpty ? nil : notes }
}

/// What happens to an order. Pictures are counted from 0.
package enum DeskEvent: Sendable {
  /// So many pictures come before its first.
  case queued(ahead: Int)
  /// So many steps of all are done.
  case step(picture: Int, Int, of: Int, secondsLeft: Double?)
  /// The picture as the model foresees it after a step.
  case preview(picture: Int, step: Int, Picture)
  /// A picture is there.
  case picture(DeskPicture)
}

/// A picture that was drawn, and what is to be said of it.
package struct DeskPicture: Sendable {
  package let index: Int
  package let request: GenerationRequest
  package let picture: Picture
  /// Its settings, as the command line writes them into the file.
  package let parameters: GenerationParameters
  /// The bytes that the command line writes.
  package let png: [UInt8]
  /// Where each word was looked for, where that was asked for.
  package let attention: WordAttention?
  /// Of drawing it, with those that were drawn together with it.
  package let seconds: Double

  package var seed: UInt64 { request.seed }
}

/// Why an order is not taken.
package enum DeskError: UserError, Equatable {
  /// Too much waits already.
  case full(retryAfter: Int)
  /// The server is ending.
  case closed

  package var kind: UserErrorKind { .usage }

  package var description: String {
    switch self {
    case .full(let seconds): "the queue is full; try again in \(counted(seconds, "second"))"
    case .closed: "the server is ending; try again later"
    }
  }
}
