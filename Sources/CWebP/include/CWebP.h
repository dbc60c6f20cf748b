// Bindings of libwebp, libwebpdemux and libwebpmux: whole files in memory, with their Exif.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define CWEBP_MESSAGE_SIZE 256

/// What a reader accepts. Sizes are checked before anything is allocated for the pixels.
typedef struct {
  uint32_t max_side;
  uint64_t max_pixels;
} cwebp_limits;

/// A decoded file, of an animation its first frame: 8-bit RGBA, rows top down, no padding, not yet turned as `exif` says.
typedef struct {
  uint32_t width, height;
  int has_alpha;
  uint8_t *rgba;
  uint8_t *exif; // NULL where there is none
  size_t exif_count;
} cwebp_image;

/// 0 on success; otherwise `message` says why and `image` is empty.
int cwebp_decode(const uint8_t *bytes, size_t count, const cwebp_limits *limits, cwebp_image *image,
                 char message[CWEBP_MESSAGE_SIZE]);
void cwebp_image_free(cwebp_image *image);

/// The bytes of a WebP file.
typedef struct {
  const uint8_t *bytes;
  size_t count;
} cwebp_buffer;

/// Encodes 8-bit RGB rows; `quality` is 1 to 99, or 100 for every pixel as it is. `exif` may be NULL. 0 on success;
/// otherwise `message` says why and `buffer` is empty. The same arguments give the same bytes.
int cwebp_encode(const uint8_t *rgb, uint32_t width, uint32_t height, int quality, const uint8_t *exif, size_t exif_count,
                 cwebp_buffer *buffer, char message[CWEBP_MESSAGE_SIZE]);

/// The same of `frame_count` frames, one after the other in `rgb`, each shown for its milliseconds; `loops` 0: for ever.
int cwebp_animate(const uint8_t *rgb, uint32_t width, uint32_t height, const int *milliseconds, size_t frame_count,
                  int loops, int quality, const uint8_t *exif, size_t exif_count, cwebp_buffer *buffer,
                  char message[CWEBP_MESSAGE_SIZE]);
void cwebp_buffer_free(cwebp_buffer *buffer);
