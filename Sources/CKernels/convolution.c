// 3x3 convolutions of NHWC pictures as implicit matrix products over 9 * in_channels.
//
// A task copies the input rows of a band of output rows into its own memory, with zeros around the picture, in the type
// that is multiplied. Register tiles of pixels x output channels then run over the taps and channels in one fixed order.
//
// After nearest-neighbour doubling a 3x3 window covers only 2x2 different pixels, so each of the four phases of the output
// is a 2x2 convolution of the picture before doubling, with sums of the nine weights: 2.25 times fewer multiplications.
#include "kernel_table.h"

typedef dk_convolution_arguments arguments;

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
  const packed_taps *phases;  // the weights of the four 2x2 convolutions, or NULL: the plain ones
  finish finish;
  dk_rows x;
  long height, width;  // of the output
  long band, bands;    // output rows a task (input rows with phases), tasks a picture
} convolution_job;

// All output channels of one row. `weights` are panels of `c` for w->taps taps.
static void convolve_row(const dk_convolution *c, const row_work *w, packed_taps weights) {
  for (long panel = 0; panel < c->panels;) {
    int panels = dk_convolution_group(c, panel);
    c->by->convolve_row(w, weights, panel, panels);
    weights.units += (long)panels * 16 * w->runs * w->units;
    panel += panels;
  }
}

// Chooses the levels of the pixels that a task reads, start, start + 1, … of `rows` rows from y on: one scale for all.
// Returns what a level is worth; NaN if a pixel is.
static float choose_levels(const dk_convolver *by, picture *p, long y, long rows, long start, long count) {
  if (!by->largest) return 1;
  uint32_t most = 0;
  for (long i = 0; i < rows; i++) {
    const uint32_t bits = by->largest(p, y + i, start, count);
    most = bits > most ? bits : most;
  }
  return dk_choose_levels(most, pixel_levels, &p->levels);
}

// Pixels a tile may read behind the last one of a row; what it makes of them is not stored.
enum { overhang = 12 };

// Units of one copied input row, of each way to compute.
static long plain_line(const convolution_job *job) {
  return ((job->width + overhang) * job->a->stride + 2) * job->w->units;
}
static long phases_line(const convolution_job *job) { return (job->a->width + overhang + 2) * job->w->units; }
static long taps_line(const convolution_job *job) { return (job->width + 2 + overhang) * job->w->taps->units; }

// Output rows from `task`'s band, one input window each.
static void convolution_task(void *context, long task, int thread) {
  const convolution_job *job = context;
  const arguments *a = job->a;
  long b = task / job->bands, top = task % job->bands * job->band, rows = dk_min(job->band, job->height - top);
  long units = job->w->units, before = a->pad_end_only ? 0 : 1;
  long line = plain_line(job), lines = (rows - 1) * a->stride + 3;
  unit *copy = dk_scratch(job->engine, thread);
  picture p = {a->height, a->width, job->w->inputs, units, a->upsample, b * a->height * a->width, job->x, 1};
  long used = (job->width - 1) * a->stride + 3;
  const float scale = choose_levels(job->w->by, &p, top * a->stride - before, lines, -before, used);
  for (long i = 0; i < lines; i++) {
    job->w->by->read_row(&p, top * a->stride - before + i, -before, used, copy + i * line);
    memset(copy + i * line + used * units, 0, (size_t)(line - used * units) * sizeof(unit));
  }
  row_work w = {.runs = 3, .units = 3 * units, .step = a->stride * units, .line = line, .scale = scale};
  w.pixels = job->width;
  w.out_step = 1;
  w.finish = &job->finish;
  for (long i = 0; i < rows; i++) {
    w.x = copy + i * a->stride * line;
    w.first = (b * job->height + top + i) * job->width;
    convolve_row(job->w, &w, job->w->packed);
  }
}

// Input rows of `task`'s band; each makes two output rows, and each of those two phases.
static void phases_task(void *context, long task, int thread) {
  const convolution_job *job = context;
  const arguments *a = job->a;
  long b = task / job->bands, top = task % job->bands * job->band, rows = dk_min(job->band, a->height - top);
  long units = job->w->units, line = phases_line(job);
  unit *copy = dk_scratch(job->engine, thread);
  picture p = {a->height, a->width, job->w->inputs, units, 1, b * a->height * a->width, job->x, 1};
  const float scale = choose_levels(job->w->by, &p, top - 1, rows + 2, -1, a->width + 2);
  for (long i = 0; i < rows + 2; i++) {
    job->w->by->read_row(&p, top - 1 + i, -1, a->width + 2, copy + i * line);
    memset(copy + i * line + (a->width + 2) * units, 0, overhang * (size_t)units * sizeof(unit));
  }
  row_work w = {.runs = 2, .units = 2 * units, .step = units, .line = line, .scale = scale};
  w.pixels = a->width;
  w.out_step = 2;
  w.finish = &job->finish;
  for (long i = 0; i < rows; i++)
    for (int phase = 0; phase < 4; phase++) {
      w.x = copy + (i + phase / 2) * line + phase % 2 * units;
      w.first = (b * job->height + 2 * (top + i) + phase / 2) * job->width + phase % 2;
      convolve_row(job->w, &w, job->phases[phase]);
    }
}

// Few output channels leave most lanes of a tile empty. Here the lanes hold the taps too: each input pixel is multiplied
// once by all nine taps, and an output pixel is the sum of nine neighbours' products.
static void taps_task(void *context, long task, int thread) {
  const convolution_job *job = context;
  const arguments *a = job->a;
  const dk_convolution *c = job->w->taps;
  long b = task / job->bands, top = task % job->bands * job->band, rows = dk_min(job->band, job->height - top);
  long width = job->width + 2, line = taps_line(job), product = c->panels * 16;
  unit *copy = dk_scratch(job->engine, thread);
  float *products = (float *)(copy + line);  // [rows + 2][width][product]
  memset(copy + width * c->units, 0, (size_t)(line - width * c->units) * sizeof(unit));
  picture p = {a->height, a->width, c->inputs, c->units, 1, b * a->height * a->width, job->x, 1};
  const float scale = choose_levels(c->by, &p, top - 1, rows + 2, -1, width);
  finish keep = {.channels = c->outputs, .out = {DK_F32, products, product}};
  row_work w = {.runs = 1, .units = c->units, .x = copy, .step = c->units, .scale = scale};
  w.pixels = width;
  w.out_step = 1;
  w.finish = &keep;
  for (long i = 0; i < rows + 2; i++) {
    job->w->by->read_row(&p, top - 1 + i, -1, width, copy);
    w.first = i * width;
    convolve_row(c, &w, c->packed);
  }
  for (long i = 0; i < rows; i++)
    job->engine->kernels->sum_taps(&job->finish, products + i * width * product, product, job->width,
                                   (b * job->height + top + i) * job->width);
}

static convolution_job describe(dk_engine *engine, const dk_convolution *w, const arguments *a, dk_rows x, dk_rows residual,
                                dk_rows out) {
  convolution_job job = {.engine = engine, .w = w, .a = a, .x = x};
  job.height = output_size(a->height, a);
  job.width = output_size(a->width, a);
  job.finish = (finish){w->outputs, a->bias, a->activation, residual, out};
  return job;
}

dk_status dk_convolve_panels(dk_engine *engine, const dk_convolution *w, const dk_convolution_arguments *a, dk_rows x,
                             dk_rows residual, dk_rows out) {
  convolution_job job = describe(engine, w, a, x, residual, out);
  const int padded_plainly = a->stride == 1 && !a->pad_end_only;
  const int phases = a->upsample == 2 && padded_plainly, taps = w->taps && a->upsample == 1 && padded_plainly;
  if (phases && !(job.phases = dk_convolution_phases(w))) return DK_OUT_OF_MEMORY;
  long rows = phases ? a->height : job.height, work = job.width * w->inputs * w->outputs * 9;  // multiplications a row
  if (phases) work = work / 9 * 8;
  if (taps) work = work / 9 * w->taps->panels * 16 / w->outputs;
  // Large enough that the copies do not count, small enough that a late thread does not either.
  job.band = dk_max(1, dk_min(8000000 / dk_max(1, work), dk_ceil_div(rows, 16)));
  job.bands = dk_ceil_div(rows, job.band);
  long units = phases ? phases_line(&job) * (job.band + 2)
               : taps ? taps_line(&job) + w->taps->panels * 16 * (job.width + 2) * (job.band + 2) + 16
                      : plain_line(&job) * ((job.band - 1) * a->stride + 3);
  return dk_parallel(engine, (size_t)units * sizeof(unit), a->batch * job.bands,
                     phases ? phases_task : taps ? taps_task : convolution_task, &job);
}

// ---------------------------------------------------------------- OpenBLAS: im2col in bands

enum { sgemm_rows = 4 };

static void sgemm_task(void *context, long task, int thread) {
  enum { row_major = 101, plain = 111, transposed = 112 };
  const convolution_job *job = context;
  const arguments *a = job->a;
  const dk_kernels *kernels = job->engine->kernels;
  long b = task / job->bands, top = task % job->bands * job->band, rows = dk_min(job->band, job->height - top);
  long n = job->w->outputs, c = job->w->inputs, k = 9 * c, pixels = rows * job->width, before = a->pad_end_only ? 0 : 1;
  float *columns = dk_scratch(job->engine, thread);
  float *sums = columns + pixels * k;
  picture p = {a->height, a->width, c, c, a->upsample, b * a->height * a->width, job->x, 1};
  for (long i = 0; i < pixels; i++)
    for (int dy = 0; dy < 3; dy++)
      kernels->convolver[DK_WEIGHT_F32]->read_row(&p, (top + i / job->width) * a->stride - before + dy,
                                                  i % job->width * a->stride - before, 3, (unit *)columns + i * k + dy * 3 * c);
  job->engine->sgemm(row_major, plain, transposed, (int)pixels, (int)n, (int)k, 1, columns, (int)k, job->w->dense, (int)k, 0,
                     sums, (int)n);
  kernels->finish_pixels(&job->finish, sums, n, pixels, (b * job->height + top) * job->width, 1);
}

static dk_status convolve_by_sgemm(convolution_job job) {
  job.band = dk_min(job.height, dk_max(1, sgemm_rows * 64 / job.width));
  job.bands = dk_ceil_div(job.height, job.band);
  size_t numbers = (size_t)(job.band * job.width * (9 * job.w->inputs + job.w->outputs));
  return dk_parallel(job.engine, numbers * sizeof(float), job.a->batch * job.bands, sgemm_task, &job);
}

// ---------------------------------------------------------------- the functions of CKernels.h

dk_status dk_convolve(dk_engine *engine, const dk_convolution *w, const dk_convolution_arguments *a, dk_rows x,
                      dk_rows residual, dk_rows out) {
  if (a->batch <= 0 || output_size(a->height, a) <= 0 || output_size(a->width, a) <= 0) return DK_OK;
  if (w->by) return w->by->convolve(engine, w, a, x, residual, out);
  if (engine->backend == DK_BACKEND_OPENBLAS && engine->sgemm)
    return convolve_by_sgemm(describe(engine, w, a, x, residual, out));
  convolve_reference(w, a, x, residual, out);
  return DK_OK;
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

dk_status dk_upsample_nearest(dk_engine *engine, long batch, long height, long width, long channels, dk_rows x, dk_rows out) {
  upsample_job job = {width, channels, x, out};
  return dk_parallel(engine, 0, batch * height, upsample_task, &job);
}
