import DiTImage

/// A picture and what made it.
public struct GeneratedPicture: Sendable {
  /// In the size that was asked for.
  public let picture: Picture
  /// What was asked for, seed included; the prompt of a pair is the likeliest of its captions.
  public let request: GenerationRequest
  /// What the picture was decoded from.
  public let latents: Latents
  /// What was left out; nil where the request asks for everything.
  package let saved: SavedWork?
  /// Of a pair, the likeliest first.
  package var captions: [PictureCaption] = []
}
