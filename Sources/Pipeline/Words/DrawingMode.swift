import DiTTransformer

/// What is drawn of a picture and its words, and from what: a row of steps, each of which goes from noise to what it draws and
/// is given what was known or was drawn before (Bao et al. 2023, arXiv 2303.06555).
package enum DrawingMode: String, Sendable, CaseIterable {
  /// A picture of the prompt; without one any picture.
  case picture
  /// A picture and its words.
  case pair
  /// The words of a picture, and of these another one.
  case variation
  /// The words of a picture.
  case caption
  /// Any words.
  case text

  package var steps: [UniDiffuserMode] {
    switch self {
    case .picture: [.textToImage]
    case .pair: [.pair]
    case .variation: [.imageToText, .textToImage]
    case .caption: [.imageToText]
    case .text: [.textAlone]
    }
  }

  /// Whether it begins with a picture.
  var readsPicture: Bool { steps[0].image == .given }
  /// Whether words are what it ends in.
  var tellsWords: Bool { steps.last?.text == .drawn }
}
