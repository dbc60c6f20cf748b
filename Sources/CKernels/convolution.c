// 3x3 convolutions of NHWC pictures as implicit matrix products over 9 * in_channels.
//
// A task copies the input rows of a band of output rows into its own memory, with zeros around the picture, in the type
// that is multiplied. Register tiles of pixels x output channels then run over the taps and channels in one fixed order.
//
// After nearest-neighbour doubling a 3x3 window covers only 2x2 different pixels, so each of the four phases of the output
// is a 2x2 convolution of the picture before doubling, with sums of the nine weights: 2.25 times fewer multiplications.
#include "convolution.h"

#if DK_X86
#define HEIGHT(panels) ((panels) == 4 ? 6 : (panels) == 3 ? 8 : 12)
#include "simd_avx512.h"
#define PAIRS 0
#define A(name) name##_avx512
#include "convolution_simd.h"
#undef A
#undef PAIRS
#undef TARGET
#define PAIRS 1
#define TARGET DK_TARGET_AVX512_BF16
#define A(name) name##_bf16
#include "convolution_simd.h"
#undef A
#undef PAIRS
#undef HEIGHT
#define HEIGHT(panels) 6
#include "simd_avx2.h"
#define PAIRS 0
#define A(name) name##_avx2
#include "convolution_simd.h"
#undef A
#undef HEIGHT
#define HEIGHT(panels) 2
#else
#define HEIGHT(panels) 4
#define PAIRS 0
#endif
#include "simd_portable.h"
#define A(name) name##_portable
#include "convolution_simd.h"

// ---------------------------------------------------------------- reference

static long output_size(long size, const arguments *a) { return dk_ceil_div(size * a->upsample, a->stride); }

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

// ---------------------------------------------------------------- native

typedef struct {
  dk_engine *engine;
  const dk_convolution *w;
  const arguments *a;
  const unit *phases;  // the weights of the four 2x2 convolutions, or NULL: the plain ones
  finish finish;
  dk_rows x;
  long height, width;  // of the output
  long band, bands;    // output rows a task (input rows with phases), tasks a picture
} convolution_job;

static void read_row(const convolution_job *job, const picture *p, long y, long start, long count, unit *to) {
#if DK_X86
  if (job->w->pairs) {
    read_row_bf16(p, y, start, count, to);
    return;
  }
#endif
  DK_CHOOSE(job->engine, read_row)(p, y, start, count, to);
}

// All output channels of one row. `weights` are panels of `c` for w->taps taps.
static void convolve_row(const convolution_job *job, const dk_convolution *c, const row_work *w, const unit *weights) {
  for (long panel = 0; panel < c->panels;) {
    int panels = dk_convolution_group(c, panel);
#if DK_X86
    if (c->pairs) convolve_row_bf16(w, weights, panel, panels);
    else
#endif
      DK_CHOOSE(job->engine, convolve_row)(w, weights, panel, panels);
    weights += (long)panels * 16 * w->taps * w->units;
    panel += panels;
  }
}

// Pixels a tile may read behind the last one of a row; what it makes of them is not stored.
enum { overhang = 12 };

// Output rows from `task`'s band, one input window each.
static void convolution_task(void *context, long task, int thread) {
  const convolution_job *job = context;
  const arguments *a = job->a;
  long b = task / job->bands, top = task % job->bands * job->band, rows = dk_min(job->band, job->height - top);
  long units = job->w->units, before = a->pad_end_only ? 0 : 1;
  long line = ((job->width + overhang) * a->stride + 2) * units, lines = (rows - 1) * a->stride + 3;
  unit *copy = dk_scratch(job->engine, thread, (size_t)(line * ((job->band - 1) * a->stride + 3)) * sizeof(unit));
  if (!copy) return;
  picture p = {a->height, a->width, job->w->inputs, units, a->upsample, b * a->height * a->width, job->x};
  long used = (job->width - 1) * a->stride + 3;
  for (long i = 0; i < lines; i++) {
    read_row(job, &p, top * a->stride - before + i, -before, used, copy + i * line);
    memset(copy + i * line + used * units, 0, (size_t)(line - used * units) * sizeof(unit));
  }
  row_work w = {.taps = 9, .units = units, .step = a->stride * units, .pixels = job->width, .out_step = 1, .finish = &job->finish};
  for (int tap = 0; tap < 9; tap++) w.offset[tap] = tap / 3 * line + tap % 3 * units;
  for (long i = 0; i < rows; i++) {
    w.x = copy + i * a->stride * line;
    w.first = (b * job->height + top + i) * job->width;
    convolve_row(job, job->w, &w, job->w->packed);
  }
}

// Input rows of `task`'s band; each makes two output rows, and each of those two phases.
static void phases_task(void *context, long task, int thread) {
  const convolution_job *job = context;
  const arguments *a = job->a;
  long b = task / job->bands, top = task % job->bands * job->band, rows = dk_min(job->band, a->height - top);
  long units = job->w->units, line = (a->width + overhang + 2) * units;
  unit *copy = dk_scratch(job->engine, thread, (size_t)(line * (job->band + 2)) * sizeof(unit));
  if (!copy) return;
  picture p = {a->height, a->width, job->w->inputs, units, 1, b * a->height * a->width, job->x};
  for (long i = 0; i < rows + 2; i++) {
    read_row(job, &p, top - 1 + i, -1, a->width + 2, copy + i * line);
    memset(copy + i * line + (a->width + 2) * units, 0, overhang * (size_t)units * sizeof(unit));
  }
  row_work w = {.taps = 4, .units = units, .step = units, .pixels = a->width, .out_step = 2, .finish = &job->finish};
  for (int tap = 0; tap < 4; tap++) w.offset[tap] = tap / 2 * line + tap % 2 * units;
  for (long i = 0; i < rows; i++)
    for (int phase = 0; phase < 4; phase++) {
      w.x = copy + (i + phase / 2) * line + phase % 2 * units;
      w.first = (b * job->height + 2 * (top + i) + phase / 2) * job->width + phase % 2;
      convolve_row(job, job->w, &w, job->phases + phase * dk_convolution_units(job->w, 4));
    }
}

// Few output channels leave most lanes of a tile empty. Here the lanes hold the taps too: each input pixel is multiplied
// once by all nine taps, and an output pixel is the sum of nine neighbours' products.
static void taps_task(void *context, long task, int thread) {
  const convolution_job *job = context;
  const arguments *a = job->a;
  const dk_convolution *c = job->w->taps;
  long b = task / job->bands, top = task % job->bands * job->band, rows = dk_min(job->band, job->height - top);
  long width = job->width + 2, line = (width + overhang) * c->units, product = c->panels * 16;
  unit *copy = dk_scratch(job->engine, thread, (size_t)(line + product * width * (job->band + 2) + 16) * sizeof(unit));
  if (!copy) return;
  float *products = (float *)(copy + line);  // [rows + 2][width][product]
  memset(copy + width * c->units, 0, (size_t)(line - width * c->units) * sizeof(unit));
  picture p = {a->height, a->width, c->inputs, c->units, 1, b * a->height * a->width, job->x};
  finish keep = {.channels = c->outputs, .out = {DK_F32, products, product}};
  row_work w = {.taps = 1, .units = c->units, .x = copy, .step = c->units, .pixels = width, .out_step = 1, .finish = &keep};
  for (long i = 0; i < rows + 2; i++) {
    read_row(job, &p, top - 1 + i, -1, width, copy);
    w.first = i * width;
    convolve_row(job, c, &w, c->packed);
  }
  for (long i = 0; i < rows; i++)
    DK_CHOOSE(job->engine, sum_taps)(&job->finish, products + i * width * product, product, job->width,
                                     (b * job->height + top + i) * job->width);
}

static void convolve_native(convolution_job job) {
  const arguments *a = job.a;
  void (*task)(void *, long, int) = convolution_task;
  long rows = job.height, work = job.width * job.w->inputs * job.w->outputs * 9;  // multiplications a row
  if (a->upsample == 2 && a->stride == 1 && !a->pad_end_only && (job.phases = dk_convolution_phases(job.w))) {
    task = phases_task;
    rows = a->height;
    work = work / 9 * 8;
  }
  if (job.w->taps && a->upsample == 1 && a->stride == 1 && !a->pad_end_only) {
    task = taps_task;
    work = work / 9 * job.w->taps->panels * 16 / job.w->outputs;
  }
  // Large enough that the copies do not count, small enough that a late thread does not either.
  job.band = dk_max(1, dk_min(8000000 / dk_max(1, work), dk_ceil_div(rows, 16)));
  job.bands = dk_ceil_div(rows, job.band);
  dk_parallel(job.engine, a->batch * job.bands, task, &job);
}

// ---------------------------------------------------------------- OpenBLAS: im2col in bands

enum { sgemm_rows = 4 };

static void sgemm_task(void *context, long task, int thread) {
  enum { row_major = 101, plain = 111, transposed = 112 };
  const convolution_job *job = context;
  const arguments *a = job->a;
  long b = task / job->bands, top = task % job->bands * job->band, rows = dk_min(job->band, job->height - top);
  long n = job->w->outputs, c = job->w->inputs, k = 9 * c, pixels = rows * job->width, before = a->pad_end_only ? 0 : 1;
  float *columns = dk_scratch(job->engine, thread, (size_t)(job->band * job->width * (k + n)) * sizeof(float));
  if (!columns) return;
  float *sums = columns + pixels * k;
  picture p = {a->height, a->width, c, c, a->upsample, b * a->height * a->width, job->x};
  for (long i = 0; i < pixels; i++)
    for (int dy = 0; dy < 3; dy++)
      DK_CHOOSE(job->engine, read_row)(&p, (top + i / job->width) * a->stride - before + dy, i % job->width * a->stride - before,
                                       3, (unit *)columns + i * k + dy * 3 * c);
  job->engine->sgemm(row_major, plain, transposed, (int)pixels, (int)n, (int)k, 1, columns, (int)k, job->w->dense, (int)k, 0,
                     sums, (int)n);
  for (long i = 0; i < pixels; i++)
    DK_CHOOSE(job->engine, finish_pixel)(&job->finish, sums + i * n, (b * job->height + top) * job->width + i);
}

static void convolve_by_sgemm(convolution_job job) {
  job.band = dk_min(job.height, dk_max(1, sgemm_rows * 64 / job.width));
  job.bands = dk_ceil_div(job.height, job.band);
  dk_parallel(job.engine, job.a->batch * job.bands, sgemm_task, &job);
}

// ---------------------------------------------------------------- the functions of CKernels.h

void dk_convolve(dk_engine *engine, const dk_convolution *w, const dk_convolution_arguments *a, dk_rows x, dk_rows residual,
                 dk_rows out) {
  long height = output_size(a->height, a), width = output_size(a->width, a);
  if (a->batch <= 0 || height <= 0 || width <= 0) return;
  convolution_job job = {.engine = engine, .w = w, .a = a, .x = x, .height = height, .width = width};
  job.finish = (finish){w->outputs, a->bias, a->activation, residual, out};
  if (w->packed) convolve_native(job);
  else if (engine->backend == DK_BACKEND_OPENBLAS && engine->sgemm) convolve_by_sgemm(job);
  else convolve_reference(w, a, x, residual, out);
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
