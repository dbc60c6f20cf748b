import DiTTensors

/// Latents [B, C, H, W] -> patches [B·T, C·p·p], tokens row by row, numbers ordered (channel, row, column) as the
/// patch convolution's weights are.
package func patchify(_ latents: Tensor, patchSize p: Int, into patches: Tensor) {
  eachPatched(latents, patches, patchSize: p) { source, target, place, at in target[at] = source[place] }
}

/// The way back: adds patches [B·T, C·p·p] to latents [B, C, H, W].
package func addPatchified(_ patches: Tensor, patchSize p: Int, to latents: Tensor) {
  eachPatched(latents, patches, patchSize: p) { target, source, place, at in target[place] += source[at] }
}

/// Decoded tokens [B·T, p·p·C] ordered (row, column, channel) -> [B, C, H, W].
package func unpatchify(_ tokens: Tensor, patchSize p: Int, grid: Grid, into image: Tensor) {
  eachUnpatched(tokens, image, patchSize: p, grid: grid) { source, target, at, place in target[place] = source[at] }
}

/// The way back: adds [B, C, H, W] to tokens [B·T, p·p·C].
package func addUnpatchified(_ image: Tensor, patchSize p: Int, grid: Grid, to tokens: Tensor) {
  eachUnpatched(tokens, image, patchSize: p, grid: grid) { target, source, at, place in target[at] += source[place] }
}

private typealias Numbers = UnsafeMutableBufferPointer<Float>

/// Places of a number in the latents and in the patches.
@inline(__always) private func eachPatched(
  _ latents: Tensor, _ patches: Tensor, patchSize p: Int, _ body: (Numbers, Numbers, _ place: Int, _ at: Int) -> Void
) {
  let (batch, channels, height, width) = (latents.shape[0], latents.shape[1], latents.shape[2], latents.shape[3])
  latents.withFloats { image in
    patches.withFloats { tokens in
      var at = 0
      for b in 0..<batch {
        for row in 0..<height / p {
          for column in 0..<width / p {
            for c in 0..<channels {
              for y in 0..<p {
                let place = ((b * channels + c) * height + row * p + y) * width + column * p
                for x in 0..<p { body(image, tokens, place + x, at + x) }
                at += p
              }
            }
          }
        }
      }
    }
  }
}

/// Places of a number in the tokens and in the image.
@inline(__always) private func eachUnpatched(
  _ tokens: Tensor, _ image: Tensor, patchSize p: Int, grid: Grid, _ body: (Numbers, Numbers, _ at: Int, _ place: Int) -> Void
) {
  let (batch, channels) = (image.shape[0], image.shape[1])
  let (height, width) = (grid.height * p, grid.width * p)
  tokens.withFloats { numbers in
    image.withFloats { pixels in
      var at = 0
      for b in 0..<batch {
        for row in 0..<grid.height {
          for column in 0..<grid.width {
            for y in 0..<p {
              for x in 0..<p {
                let place = (b * channels * height + row * p + y) * width + column * p + x
                for c in 0..<channels { body(numbers, pixels, at + c, place + c * height * width) }
                at += channels
              }
            }
          }
        }
      }
    }
  }
}
