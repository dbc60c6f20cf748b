// Bindings of libpng that never let its setjmp errors out: every call returns, and says what went wrong in words.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define CPNG_MESSAGE_SIZE 256

/// A text chunk. Texts are Latin-1 (tEXt, zTXt), or UTF-8 (iTXt) where `is_utf8` is not 0; `text` ends in a NUL.
typedef struct {
  const char *keyword;
  const char *text;
  size_t length;
  int is_utf8;
} cpng_text;

/// What a reader accepts. Sizes are checked before anything is allocated for the pixels.
typedef struct {
  uint32_t max_side;
  uint64_t max_pixels;
  size_t max_text_bytes;   // one text chunk, unpacked
  uint32_t max_text_count; // chunks kept
} cpng_limits;

/// A decoded file: 8-bit RGBA, rows top down, no padding.
typedef struct {
  uint32_t width, height;
  int has_alpha; // the file has an alpha channel or a transparent colour
  uint8_t *rgba;
  cpng_text *texts;
  size_t text_count;
  uint8_t *exif; // NULL where there is none
  size_t exif_count;
} cpng_image;

/// Decodes a whole PNG in memory. 0 on success; otherwise `message` says why and `image` is empty.
int cpng_decode(const uint8_t *bytes, size_t count, const cpng_limits *limits, cpng_image *image,
                char message[CPNG_MESSAGE_SIZE]);
void cpng_image_free(cpng_image *image);

/// Bytes from malloc.
typedef struct {
  uint8_t *bytes;
  size_t count, capacity;
} cpng_buffer;

/// Encodes 8-bit RGB rows. 0 on success; otherwise `message` says why and `buffer` is empty. The same arguments give
/// the same bytes (with one version of zlib).
int cpng_encode(const uint8_t *rgb, uint32_t width, uint32_t height, const cpng_text *texts, size_t text_count,
                cpng_buffer *buffer, char message[CPNG_MESSAGE_SIZE]);
void cpng_buffer_free(cpng_buffer *buffer);
