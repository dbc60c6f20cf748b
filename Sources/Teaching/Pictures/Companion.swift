import DiTImage

/// A thing that the model drew itself, to stand beside what is taught: so its word is learnt as one of two things.
package struct Companion: Sendable {
  let cutOut: CutOut
  /// "a green apple".
  let name: String

  /// Of a picture on a plain ground; nil where its caption names none, for which it is not asked, or nothing can be cut out.
  package init?(_ picture: @autoclosure () throws -> Picture, caption: String) throws {
    guard let match = caption.wholeMatch(of: /(an? .+) on an? [a-z ]+ background/), let cutOut = try CutOut(plain: picture())
    else { return nil }
    (self.cutOut, name) = (cutOut, String(match.1))
  }
}
