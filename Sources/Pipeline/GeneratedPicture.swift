import DiTImage

/// A picture and what made it.
package struct GeneratedPicture: Sendable {
  package let picture: Picture
  package let request: GenerationRequest
  /// What the picture was decoded from.
  package let latents: Latents
}
