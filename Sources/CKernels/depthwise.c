// Depthwise convolutions of NHWC pictures, each channel by itself, and GLU behind them: the Mix-FFN of SANA (Xie et al.,
// arXiv 2410.10629, 2.2), and what EfficientViT mixes neighbours with (Cai et al., arXiv 2205.14756).
#include "kernel_table.h"

typedef dk_depthwise_arguments arguments;

enum {
  channels_at_once = 64,  // whole vectors on every instruction set; with a band of rows they stay in the nearest caches
  pixels_at_once = 2048,
  least_rows = 8,  // of a band: its neighbours are read twice
};

typedef struct {
  dk_engine *engine;
  const arguments *a;
  long outputs, rows;  // channels of the output, rows of a band
  long bands, chunks;  // of a picture, of its channels
  dk_rows x, out;
} depthwise_job;

// ---------------------------------------------------------------- reference

static double sum_by_definition(const arguments *a, dk_rows x, long picture, long row, long column, long c) {
  double sum = a->bias ? a->bias[c] : 0;
  for (long dy = 0; dy < a->size; dy++)
    for (long dx = 0; dx < a->size; dx++) {
      const long y = row + dy - a->size / 2, i = column + dx - a->size / 2;
      if (y < 0 || y >= a->height || i < 0 || i >= a->width) continue;
      const void *pixel = dk_row(x, (picture * a->height + y) * a->width + i);
      sum += (double)a->weight[(dy * a->size + dx) * a->columns + c] * dk_get(x.type, pixel, c);
    }
  return sum;
}

static void depthwise_by_definition(const depthwise_job *job) {
  const arguments *a = job->a;
  for (long picture = 0; picture < a->batch; picture++)
    for (long row = 0; row < a->height; row++)
      for (long column = 0; column < a->width; column++)
        for (long c = 0; c < job->outputs; c++) {
          double value = sum_by_definition(a, job->x, picture, row, column, c);
          if (a->gated)
            value *= dk_activate_exactly(
                a->activation, sum_by_definition(a, job->x, picture, row, column, c + job->outputs));
          else value = dk_activate_exactly(a->activation, value);
          dk_put(job->out.type, dk_row(job->out, (picture * a->height + row) * a->width + column), c, (float)value);
        }
}

// ---------------------------------------------------------------- native

static void depthwise_task(void *context, long task, int thread) {
  (void)thread;
  const depthwise_job *job = context;
  const arguments *a = job->a;
  const long chunk = task % job->chunks, band = task / job->chunks % job->bands, picture = task / job->chunks / job->bands;
  const long first = chunk * channels_at_once, count = dk_min(channels_at_once, job->outputs - first);
  const long top = band * job->rows, end = dk_min(a->height, top + job->rows);
  const long half = a->size / 2;
  for (long row = top; row < end; row++)
    for (long column = 0; column < a->width; column++) {
      // Rows and columns of the kernel that lie within the picture.
      const long reach[4] = {dk_max(0, half - row), dk_min(a->size, a->height + half - row), dk_max(0, half - column),
                             dk_min(a->size, a->width + half - column)};
      const long pixel = (picture * a->height + row) * a->width + column;
      job->engine->kernels->depthwise_pixel(a, job->x, pixel, reach, first, count, job->out);
    }
}

dk_status dk_depthwise(dk_engine *engine, const dk_depthwise_arguments *a, dk_rows x, dk_rows out) {
  depthwise_job job = {.engine = engine, .a = a, .outputs = a->gated ? a->columns / 2 : a->columns, .x = x, .out = out};
  if (a->batch <= 0 || a->height <= 0 || a->width <= 0 || job.outputs <= 0) return DK_OK;
  if (engine->backend == DK_BACKEND_REFERENCE) {
    depthwise_by_definition(&job);
    return DK_OK;
  }
  job.rows = dk_max(least_rows, pixels_at_once / a->width);
  job.bands = dk_ceil_div(a->height, job.rows);
  job.chunks = dk_ceil_div(job.outputs, channels_at_once);
  return dk_parallel(engine, 0, a->batch * job.bands * job.chunks, depthwise_task, &job);
}
