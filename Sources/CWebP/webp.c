#include "CWebP.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <webp/decode.h>
#include <webp/demux.h>
#include <webp/encode.h>
#include <webp/mux.h>

static int refuse(char message[CWEBP_MESSAGE_SIZE], const char *text) {
  snprintf(message, CWEBP_MESSAGE_SIZE, "%s", text);
  return 1;
}

// ---- reading ----

static int keep_exif(const WebPDemuxer *file, cwebp_image *image) {
  WebPChunkIterator chunk;
  if (!WebPDemuxGetChunk(file, "EXIF", 1, &chunk)) return 0;
  const size_t count = chunk.chunk.size;
  image->exif = malloc(count + 1);
  if (image->exif != NULL) {
    memcpy(image->exif, chunk.chunk.bytes, count);
    image->exif_count = count;
  }
  WebPDemuxReleaseChunkIterator(&chunk);
  return image->exif == NULL;
}

// The canvas of an animation, of which the frame may be a part.
static int decode_frame(const WebPData *data, cwebp_image *image, char message[CWEBP_MESSAGE_SIZE]) {
  WebPAnimDecoderOptions options;
  if (!WebPAnimDecoderOptionsInit(&options)) return refuse(message, "another version of libwebp");
  options.color_mode = MODE_RGBA;
  WebPAnimDecoder *decoder = WebPAnimDecoderNew(data, &options);
  if (decoder == NULL) return refuse(message, "out of memory"); // its file has been understood already
  uint8_t *canvas = NULL;
  int timestamp = 0;
  const int failed = !WebPAnimDecoderGetNext(decoder, &canvas, &timestamp);
  if (!failed) memcpy(image->rgba, canvas, (size_t)image->width * image->height * 4);
  WebPAnimDecoderDelete(decoder);
  return failed ? refuse(message, "its first frame is damaged") : 0;
}

static int decode(const WebPData *data, const WebPDemuxer *file, const cwebp_limits *limits, cwebp_image *image,
                  char message[CWEBP_MESSAGE_SIZE]) {
  const uint32_t width = WebPDemuxGetI(file, WEBP_FF_CANVAS_WIDTH), height = WebPDemuxGetI(file, WEBP_FF_CANVAS_HEIGHT);
  if (width > limits->max_side || height > limits->max_side || (uint64_t)width * height > limits->max_pixels) {
    snprintf(message, CWEBP_MESSAGE_SIZE, "%ux%u pixels are too many (at most %u a side and %" PRIu64 " in all)", width,
             height, limits->max_side, limits->max_pixels);
    return 1;
  }
  if (width == 0 || height == 0) return refuse(message, "it has no pixels");
  const size_t stride = (size_t)width * 4;
  if (stride > SIZE_MAX / height) return refuse(message, "out of memory");
  image->width = width;
  image->height = height;
  image->rgba = calloc(height, stride);
  if (image->rgba == NULL || keep_exif(file, image) != 0) return refuse(message, "out of memory");

  const uint32_t flags = WebPDemuxGetI(file, WEBP_FF_FORMAT_FLAGS);
  image->has_alpha = (flags & ALPHA_FLAG) != 0;
  if (flags & ANIMATION_FLAG) return decode_frame(data, image, message);
  // The size of the bitstream is what is decoded; the file's header may say another.
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) return refuse(message, "another version of libwebp");
  if (WebPGetFeatures(data->bytes, data->size, &config.input) != VP8_STATUS_OK || (uint32_t)config.input.width != width ||
      (uint32_t)config.input.height != height) {
    return refuse(message, "its header is damaged");
  }
  config.output.colorspace = MODE_RGBA;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = (WebPRGBABuffer){.rgba = image->rgba, .stride = (int)stride, .size = stride * height};
  switch (WebPDecode(data->bytes, data->size, &config)) {
  case VP8_STATUS_OK: return 0;
  case VP8_STATUS_OUT_OF_MEMORY: return refuse(message, "out of memory");
  default: return refuse(message, "its data are damaged");
  }
}

int cwebp_decode(const uint8_t *bytes, size_t count, const cwebp_limits *limits, cwebp_image *image,
                 char message[CWEBP_MESSAGE_SIZE]) {
  memset(image, 0, sizeof *image);
  const WebPData data = {.bytes = bytes, .size = count};
  WebPDemuxState state = WEBP_DEMUX_PARSE_ERROR;
  WebPDemuxer *file = WebPDemuxPartial(&data, &state);
  int failed = 1;
  if (file == NULL || state == WEBP_DEMUX_PARSE_ERROR) {
    refuse(message, "its header is damaged");
  } else if (state != WEBP_DEMUX_DONE) {
    refuse(message, "the file ends too early");
  } else {
    failed = decode(&data, file, limits, image, message);
  }
  WebPDemuxDelete(file);
  if (failed) cwebp_image_free(image);
  return failed;
}

void cwebp_image_free(cwebp_image *image) {
  free(image->rgba);
  free(image->exif);
  memset(image, 0, sizeof *image);
}

// ---- writing ----

static int configure(WebPConfig *config, int quality) {
  if (!WebPConfigInit(config)) return 1;
  if (quality >= 100) return !WebPConfigLosslessPreset(config, 6);
  config->quality = (float)quality;
  config->use_sharp_yuv = 1; // colours have half the resolution; this keeps edges between them from bleeding
  return !WebPValidateConfig(config);
}

static int import(WebPPicture *picture, const uint8_t *rgb, uint32_t width, uint32_t height) {
  if (!WebPPictureInit(picture)) return 1;
  picture->use_argb = 1;
  picture->width = (int)width;
  picture->height = (int)height;
  return !WebPPictureImportRGB(picture, rgb, (int)width * 3);
}

static int check_size(uint32_t width, uint32_t height, char message[CWEBP_MESSAGE_SIZE]) {
  if (width <= WEBP_MAX_DIMENSION && height <= WEBP_MAX_DIMENSION) return 0;
  snprintf(message, CWEBP_MESSAGE_SIZE, "%ux%u pixels are too many for WebP, which has at most %d a side", width, height,
           WEBP_MAX_DIMENSION);
  return 1;
}

static int assemble(const WebPData *image, const uint8_t *exif, size_t exif_count, cwebp_buffer *buffer) {
  WebPMux *mux = WebPMuxCreate(image, 0);
  const WebPData metadata = {.bytes = exif, .size = exif_count};
  WebPData file = {.bytes = NULL, .size = 0};
  const int failed = mux == NULL ||
                     (exif != NULL && WebPMuxSetChunk(mux, "EXIF", &metadata, 0) != WEBP_MUX_OK) ||
                     WebPMuxAssemble(mux, &file) != WEBP_MUX_OK;
  WebPMuxDelete(mux);
  if (!failed) *buffer = (cwebp_buffer){.bytes = file.bytes, .count = file.size};
  return failed;
}

int cwebp_encode(const uint8_t *rgb, uint32_t width, uint32_t height, int quality, const uint8_t *exif, size_t exif_count,
                 cwebp_buffer *buffer, char message[CWEBP_MESSAGE_SIZE]) {
  memset(buffer, 0, sizeof *buffer);
  if (check_size(width, height, message)) return 1;
  WebPConfig config;
  WebPPicture picture;
  WebPMemoryWriter writer;
  WebPMemoryWriterInit(&writer);
  int failed = configure(&config, quality) || import(&picture, rgb, width, height);
  if (!failed) {
    picture.writer = WebPMemoryWrite;
    picture.custom_ptr = &writer;
    failed = !WebPEncode(&config, &picture);
    const WebPData image = {.bytes = writer.mem, .size = writer.size};
    failed = failed || assemble(&image, exif, exif_count, buffer);
    WebPPictureFree(&picture);
  }
  WebPMemoryWriterClear(&writer);
  return failed ? refuse(message, "out of memory") : 0;
}

int cwebp_animate(const uint8_t *rgb, uint32_t width, uint32_t height, const int *milliseconds, size_t frame_count,
                  int loops, int quality, const uint8_t *exif, size_t exif_count, cwebp_buffer *buffer,
                  char message[CWEBP_MESSAGE_SIZE]) {
  memset(buffer, 0, sizeof *buffer);
  if (check_size(width, height, message)) return 1;
  WebPConfig config;
  WebPAnimEncoderOptions options;
  if (configure(&config, quality) || !WebPAnimEncoderOptionsInit(&options)) return refuse(message, "out of memory");
  options.anim_params.loop_count = loops;
  WebPAnimEncoder *encoder = WebPAnimEncoderNew((int)width, (int)height, &options);
  int failed = encoder == NULL, time = 0;
  for (size_t i = 0; i < frame_count && !failed; i++) {
    WebPPicture picture;
    failed = import(&picture, rgb + i * width * height * 3, width, height);
    if (failed) break;
    failed = !WebPAnimEncoderAdd(encoder, &picture, time, &config);
    WebPPictureFree(&picture);
    time += milliseconds[i];
  }
  WebPData animation;
  WebPDataInit(&animation);
  failed = failed || !WebPAnimEncoderAdd(encoder, NULL, time, NULL) || !WebPAnimEncoderAssemble(encoder, &animation) ||
           assemble(&animation, exif, exif_count, buffer);
  WebPDataClear(&animation);
  WebPAnimEncoderDelete(encoder);
  return failed ? refuse(message, "out of memory") : 0;
}

void cwebp_buffer_free(cwebp_buffer *buffer) {
  WebPFree((void *)buffer->bytes);
  memset(buffer, 0, sizeof *buffer);
}
