// Each of the two calls is a small frame that sets the jump, and a body that may be jumped out of. All that must be
// freed lives in a `session` outside the body, so that no local variable is at the mercy of longjmp.
#include "CJPEG.h"
#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h> // before jpeglib.h, which needs FILE
#include <stdlib.h>
#include <string.h>
#include <jpeglib.h>
#include <jerror.h>

// Passes over the picture that a progressive file may have; usual ones have about ten. Each costs as much as a picture.
#define MAX_SCANS 100
#define EXIF_MARKER (JPEG_APP0 + 1)
#define EXIF_SIGNATURE_SIZE 6
static const uint8_t exif_signature[EXIF_SIGNATURE_SIZE] = "Exif\0";

typedef struct {
  struct jpeg_error_mgr errors; // first: libjpeg hands out its address
  jmp_buf jump;
  char *message;
  struct jpeg_progress_mgr progress;
  uint8_t *row; // CMYK
  unsigned char *written;
  unsigned long count;
} session;

static void fail(j_common_ptr jpeg) {
  session *s = (session *)jpeg->err;
  char text[JMSG_LENGTH_MAX];
  jpeg->err->format_message(jpeg, text);
  snprintf(s->message, CJPEG_MESSAGE_SIZE, "%s", text);
  longjmp(s->jump, 1);
}

static void refuse(session *s, const char *text) {
  snprintf(s->message, CJPEG_MESSAGE_SIZE, "%s", text);
  longjmp(s->jump, 1);
}

// libjpeg goes on with gray where data are missing or damaged, and only warns.
static void warn(j_common_ptr jpeg, int level) {
  session *s = (session *)jpeg->err;
  if (level >= 0) return;
  switch (jpeg->err->msg_code) {
  case JWRN_JPEG_EOF: refuse(s, "the file ends too early"); break;
  case JWRN_HIT_MARKER:
  case JWRN_HUFF_BAD_CODE:
  case JWRN_MUST_RESYNC:
  case JWRN_ARITH_BAD_CODE: refuse(s, "its data are damaged"); break;
  default: break; // such as stray bytes between markers, which cameras write
  }
}

static void check_scans(j_common_ptr jpeg) {
  if (((j_decompress_ptr)jpeg)->input_scan_number > MAX_SCANS) refuse((session *)jpeg->err, "it has too many scans");
}

static struct jpeg_error_mgr *errors_of(session *s) {
  struct jpeg_error_mgr *errors = jpeg_std_error(&s->errors);
  errors->error_exit = fail;
  errors->emit_message = warn;
  return errors;
}

// ---- reading ----

// Photoshop, and all who follow it, store the complement of each ink; it says so by an Adobe marker.
static void rgb_of_inks(const uint8_t *inks, uint8_t *rgb, uint32_t width, int is_complement) {
  const uint8_t flip = is_complement ? 0 : 0xFF;
  for (uint32_t x = 0; x < width; x++, inks += 4, rgb += 3) {
    const unsigned black = inks[3] ^ flip;
    for (int i = 0; i < 3; i++) rgb[i] = (uint8_t)(((inks[i] ^ flip) * black + 127) / 255);
  }
}

static void keep_exif(session *s, j_decompress_ptr jpeg, cjpeg_image *image) {
  for (jpeg_saved_marker_ptr marker = jpeg->marker_list; marker != NULL; marker = marker->next) {
    if (marker->marker != EXIF_MARKER || marker->data_length <= EXIF_SIGNATURE_SIZE) continue;
    if (memcmp(marker->data, exif_signature, EXIF_SIGNATURE_SIZE) != 0) continue;
    const size_t count = marker->data_length - EXIF_SIGNATURE_SIZE;
    image->exif = malloc(count);
    if (image->exif == NULL) refuse(s, "out of memory");
    memcpy(image->exif, marker->data + EXIF_SIGNATURE_SIZE, count);
    image->exif_count = count;
    return;
  }
}

static void decode(session *s, j_decompress_ptr jpeg, const uint8_t *bytes, size_t count, const cjpeg_limits *limits,
                   cjpeg_image *image) {
  jpeg_mem_src(jpeg, bytes, count);
  jpeg_save_markers(jpeg, EXIF_MARKER, 0xFFFF);
  jpeg_read_header(jpeg, TRUE);
  const uint32_t width = jpeg->image_width, height = jpeg->image_height;
  if (width > limits->max_side || height > limits->max_side || (uint64_t)width * height > limits->max_pixels) {
    char text[CJPEG_MESSAGE_SIZE];
    snprintf(text, sizeof text, "%ux%u pixels are too many (at most %u a side and %" PRIu64 " in all)", width, height,
             limits->max_side, limits->max_pixels);
    refuse(s, text);
  }
  s->progress.progress_monitor = check_scans;
  jpeg->progress = &s->progress;
  const int has_inks = jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK;
  jpeg->out_color_space = has_inks ? JCS_CMYK : JCS_RGB;
  jpeg->dct_method = JDCT_ISLOW;
  jpeg_start_decompress(jpeg);

  const size_t stride = (size_t)width * 3;
  if (stride > SIZE_MAX / height) refuse(s, "out of memory");
  image->rgb = calloc(height, stride);
  if (has_inks) s->row = malloc((size_t)width * 4);
  if (image->rgb == NULL || (has_inks && s->row == NULL)) refuse(s, "out of memory");
  while (jpeg->output_scanline < height) {
    uint8_t *target = image->rgb + jpeg->output_scanline * stride;
    JSAMPROW row = has_inks ? s->row : target;
    jpeg_read_scanlines(jpeg, &row, 1);
    if (has_inks) rgb_of_inks(s->row, target, width, jpeg->saw_Adobe_marker);
  }
  image->width = width;
  image->height = height;
  keep_exif(s, jpeg, image);
}

int cjpeg_decode(const uint8_t *bytes, size_t count, const cjpeg_limits *limits, cjpeg_image *image,
                 char message[CJPEG_MESSAGE_SIZE]) {
  session s = {.message = message};
  session *const held = &s; // addressed through memory, so that longjmp cannot leave a stale copy in a register
  struct jpeg_decompress_struct jpeg;
  memset(&jpeg, 0, sizeof jpeg);
  memset(image, 0, sizeof *image);
  jpeg.err = errors_of(held);
  volatile int failed = 1;
  if (setjmp(held->jump) == 0) {
    jpeg_create_decompress(&jpeg);
    decode(held, &jpeg, bytes, count, limits, image);
    failed = 0;
  }
  jpeg_destroy_decompress(&jpeg);
  free(held->row);
  if (failed) cjpeg_image_free(image);
  return failed;
}

void cjpeg_image_free(cjpeg_image *image) {
  free(image->rgb);
  free(image->exif);
  memset(image, 0, sizeof *image);
}

// ---- writing ----

static void encode(j_compress_ptr jpeg, const uint8_t *rgb, int quality, const uint8_t *exif, size_t exif_count) {
  jpeg->input_components = 3;
  jpeg->in_color_space = JCS_RGB;
  jpeg_set_defaults(jpeg);
  jpeg_set_quality(jpeg, quality, TRUE);
  jpeg->dct_method = JDCT_ISLOW;
  jpeg->optimize_coding = TRUE;
  // Drawn pictures have hard edges between colours, which are seen to bleed where a good quality is asked for.
  if (quality >= 90) jpeg->comp_info[0].h_samp_factor = jpeg->comp_info[0].v_samp_factor = 1;
  jpeg_start_compress(jpeg, TRUE);
  if (exif != NULL) {
    jpeg_write_m_header(jpeg, EXIF_MARKER, (unsigned)(exif_count + EXIF_SIGNATURE_SIZE));
    for (int i = 0; i < EXIF_SIGNATURE_SIZE; i++) jpeg_write_m_byte(jpeg, exif_signature[i]);
    for (size_t i = 0; i < exif_count; i++) jpeg_write_m_byte(jpeg, exif[i]);
  }
  const size_t stride = (size_t)jpeg->image_width * 3;
  while (jpeg->next_scanline < jpeg->image_height) {
    JSAMPROW row = (JSAMPROW)(rgb + jpeg->next_scanline * stride);
    jpeg_write_scanlines(jpeg, &row, 1);
  }
  jpeg_finish_compress(jpeg);
}

int cjpeg_encode(const uint8_t *rgb, uint32_t width, uint32_t height, int quality, const uint8_t *exif, size_t exif_count,
                 cjpeg_buffer *buffer, char message[CJPEG_MESSAGE_SIZE]) {
  session s = {.message = message};
  session *const held = &s;
  struct jpeg_compress_struct jpeg;
  memset(&jpeg, 0, sizeof jpeg);
  memset(buffer, 0, sizeof *buffer);
  if (exif_count > 65533 - EXIF_SIGNATURE_SIZE) {
    snprintf(message, CJPEG_MESSAGE_SIZE, "its texts are too long for JPEG; PNG and WebP hold them");
    return 1;
  }
  if (width > JPEG_MAX_DIMENSION || height > JPEG_MAX_DIMENSION) {
    snprintf(message, CJPEG_MESSAGE_SIZE, "%ux%u pixels are too many for JPEG, which has at most %ld a side", width, height,
             JPEG_MAX_DIMENSION);
    return 1;
  }
  jpeg.err = errors_of(held);
  volatile int failed = 1;
  if (setjmp(held->jump) == 0) {
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &held->written, &held->count);
    jpeg.image_width = width;
    jpeg.image_height = height;
    encode(&jpeg, rgb, quality, exif, exif_count);
    failed = 0;
  }
  jpeg_destroy_compress(&jpeg);
  // The bytes are libjpeg's own until it has finished.
  if (!failed) *buffer = (cjpeg_buffer){.bytes = held->written, .count = held->count};
  return failed;
}

void cjpeg_buffer_free(cjpeg_buffer *buffer) {
  free(buffer->bytes);
  memset(buffer, 0, sizeof *buffer);
}
