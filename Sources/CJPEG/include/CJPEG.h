// Bindings of libjpeg that never let its errors out by longjmp: every call returns, and says what went wrong in words.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define CJPEG_MESSAGE_SIZE 256

/// What a reader accepts. Sizes are checked before anything is allocated for the pixels.
typedef struct {
  uint32_t max_side;
  uint64_t max_pixels;
} cjpeg_limits;

/// A decoded file: 8-bit RGB, rows top down, no padding, not yet turned as `exif` says.
typedef struct {
  uint32_t width, height;
  uint8_t *rgb;
  uint8_t *exif; // the first Exif block without its "Exif\0\0"; NULL where there is none
  size_t exif_count;
} cjpeg_image;

/// Decodes a whole JPEG in memory: gray, YCbCr, RGB, CMYK and YCCK become RGB. A file that ends too early, or whose data
/// are damaged, is refused. 0 on success; otherwise `message` says why and `image` is empty.
int cjpeg_decode(const uint8_t *bytes, size_t count, const cjpeg_limits *limits, cjpeg_image *image,
                 char message[CJPEG_MESSAGE_SIZE]);
void cjpeg_image_free(cjpeg_image *image);

/// The bytes of a JPEG file, from malloc.
typedef struct {
  uint8_t *bytes;
  size_t count;
} cjpeg_buffer;

/// Encodes 8-bit RGB rows; `quality` is 1 to 100, colours have half the resolution below 90. `exif` may be NULL. 0 on
/// success; otherwise `message` says why and `buffer` is empty. The same arguments give the same bytes.
int cjpeg_encode(const uint8_t *rgb, uint32_t width, uint32_t height, int quality, const uint8_t *exif, size_t exif_count,
                 cjpeg_buffer *buffer, char message[CJPEG_MESSAGE_SIZE]);
void cjpeg_buffer_free(cjpeg_buffer *buffer);
