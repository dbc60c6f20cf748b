import DiTTensors

/// Latents [B, C, H, W] -> patches [B·T, C·p·p], tokens row by row, numbers ordered (channel, row, column) as the
/// patch convolution's weights are.
func patchify(_ latents: Tensor, patchSize p: Int, into patches: Tensor) {
  let (batch, channels, height, width) = (latents.shape[0], latents.shape[1], latents.shape[2], latents.shape[3])
  let (rows, columns) = (height / p, width / p)
  latents.withFloats { source in
    patches.withFloats { target in
      var at = 0
      for b in 0..<batch {
        for row in 0..<rows {
          for column in 0..<columns {
            for c in 0..<channels {
              for y in 0..<p {
                let from = ((b * channels + c) * height + row * p + y) * width + column * p
                for x in 0..<p { target[at + x] = source[from + x] }
                at += p
              }
            }
          }
        }
      }
    }
  }
}

/// Decoded tokens [B·T, p·p·C] ordered (row, column, channel) -> [B, C, H, W].
func unpatchify(_ tokens: Tensor, patchSize p: Int, grid: Grid, into image: Tensor) {
  let (batch, channels) = (image.shape[0], image.shape[1])
  let (height, width) = (grid.height * p, grid.width * p)
  tokens.withFloats { source in
    image.withFloats { target in
      var at = 0
      for b in 0..<batch {
        for row in 0..<grid.height {
          for column in 0..<grid.width {
            for y in 0..<p {
              for x in 0..<p {
                let place = (b * channels * height + row * p + y) * width + column * p + x
                for c in 0..<channels { target[place + c * height * width] = source[at + c] }
                at += channels
              }
            }
          }
        }
      }
    }
  }
}
