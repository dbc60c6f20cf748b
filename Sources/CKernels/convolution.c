// 3x3 convolutions of NHWC pictures.
#include "simd.h"

#include <stdatomic.h>

struct dk_convolution {
  dk_weight_kind kind;
  long outputs, inputs;
  float *dense;  // [outputs][9][inputs]
};

typedef dk_convolution_arguments arguments;

static long output_size(long size, const arguments *a) { return dk_ceil_div(size * a->upsample, a->stride); }

// ---------------------------------------------------------------- reference

static void convolve_reference(const dk_convolution *w, const arguments *a, dk_rows x, dk_rows residual, dk_rows out) {
  long height = output_size(a->height, a), width = output_size(a->width, a), before = a->pad_end_only ? 0 : 1;
  for (long b = 0; b < a->batch; b++)
    for (long oy = 0; oy < height; oy++)
      for (long ox = 0; ox < width; ox++)
        for (long n = 0; n < w->outputs; n++) {
          long pixel = (b * height + oy) * width + ox;
          double sum = a->bias ? a->bias[n] : 0;
          for (long tap = 0; tap < 9; tap++) {
            long y = oy * a->stride + tap / 3 - before, xx = ox * a->stride + tap % 3 - before;
            if (y < 0 || xx < 0 || y >= a->height * a->upsample || xx >= a->width * a->upsample) continue;
            const void *from = dk_row(x, (b * a->height + y / a->upsample) * a->width + xx / a->upsample);
            for (long c = 0; c < w->inputs; c++)
              sum += (double)dk_get(x.type, from, c) * w->dense[(n * 9 + tap) * w->inputs + c];
          }
          if (residual.data) sum += dk_get(residual.type, dk_row(residual, pixel), n);
          dk_put(out.type, dk_row(out, pixel), n, (float)dk_activate_exactly(a->activation, sum));
        }
}

// ---------------------------------------------------------------- the functions of CKernels.h

static long stored_size(dk_stored type) {
  return type == DK_STORED_F64 ? 8 : type == DK_STORED_F32 ? 4 : type == DK_STORED_I8 ? 1 : 2;
}

// [outputs][inputs][3][3] as stored -> [outputs][9][inputs].
static void read_dense(const dk_source *source, long inputs, int round_to_bf16, float *row, float *dense) {
  for (long n = 0; n < source->rows; n++) {
    const char *from = (const char *)source->data + n * inputs * 9 * stored_size(source->type);
    if (source->type == DK_STORED_I8) dk_i8_to_f32((const int8_t *)from, source->scales[n], inputs * 9, row);
    else dk_to_f32(source->type, from, inputs * 9, row);
    for (long c = 0; c < inputs; c++)
      for (long tap = 0; tap < 9; tap++) {
        float value = row[c * 9 + tap];
        dense[(n * 9 + tap) * inputs + c] = round_to_bf16 ? dk_bf16_to_f32(dk_f32_to_bf16(value)) : value;
      }
  }
}

dk_convolution *dk_convolution_pack(dk_engine *engine, dk_weight_kind kind, long out_channels, long in_channels,
                                    const dk_source *source) {
  (void)engine;
  dk_convolution *w = calloc(1, sizeof *w);
  float *dense = dk_allocate((size_t)(out_channels * in_channels * 9) * sizeof(float));
  float *row = malloc((size_t)in_channels * 9 * sizeof(float));
  if (w && dense && row) {
    read_dense(source, in_channels, kind == DK_WEIGHT_BF16, row, dense);
    *w = (dk_convolution){kind, out_channels, in_channels, dense};
    free(row);
    return w;
  }
  free(row);
  free(dense);
  free(w);
  return NULL;
}

void dk_convolution_free(dk_convolution *w) {
  if (!w) return;
  free(w->dense);
  free(w);
}

void dk_convolve(dk_engine *engine, const dk_convolution *w, const dk_convolution_arguments *a, dk_rows x, dk_rows residual,
                 dk_rows out) {
  (void)engine;
  convolve_reference(w, a, x, residual, out);
}

typedef struct {
  long width, channels;
  dk_rows x, out;
} upsample_job;

// One input row becomes two output rows.
static void upsample_task(void *context, long row, int thread) {
  (void)thread;
  const upsample_job *job = context;
  for (long i = 0; i < 4 * job->width; i++) {
    const void *from = dk_row(job->x, row * job->width + i % (2 * job->width) / 2);
    void *to = dk_row(job->out, row * 4 * job->width + i);
    if (job->x.type == job->out.type) memcpy(to, from, (size_t)job->channels * dk_type_size(job->x.type));
    else
      for (long c = 0; c < job->channels; c++) dk_put(job->out.type, to, c, dk_get(job->x.type, from, c));
  }
}

void dk_upsample_nearest(dk_engine *engine, long batch, long height, long width, long channels, dk_rows x, dk_rows out) {
  upsample_job job = {width, channels, x, out};
  dk_parallel(engine, batch * height, upsample_task, &job);
}
