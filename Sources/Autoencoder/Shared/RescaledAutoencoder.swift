import DiTTensors

/// An autoencoder of one scale of latents for a model of another: TAESD takes Stable Diffusion's latents as its transformers
/// leave them, whatever their scale is called.
struct RescaledAutoencoder: Autoencoder {
  let inner: any Autoencoder
  /// What the model's latents are multiplied with to be the autoencoder's.
  let factor: Float

  var latentChannels: Int { inner.latentChannels }
  var scaleFactor: Int { inner.scaleFactor }

  func decode(_ latents: Tensor, probe: Probe?) throws -> Tensor {
    try inner.decode(latents.mapChannels { value, _ in value * factor }, probe: probe)
  }

  func encode(_ picture: Tensor, probe: Probe?) throws -> Tensor {
    try inner.encode(picture, probe: probe).mapChannels { value, _ in value / factor }
  }
}
