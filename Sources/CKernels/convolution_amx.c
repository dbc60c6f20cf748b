// 3x3 convolutions of NHWC pictures by tile registers. A task copies its band's input rows as bfloat16, with zeros around the
// picture, into its own memory; pixels lie there side by side without gaps, so the three taps of a kernel row are one piece.
#include "amx.h"

// ---------------------------------------------------------------- weights
//
// Groups of one to three panels of 16 output channels, each [kernel rows][steps][panels][16 pairs][16 channels] pairs of
// bfloat16, where a step is 32 numbers of a kernel row.

static long steps_of(const dk_convolution *w, int taps) { return dk_ceil_div(taps * w->inputs, 32); }

// Units of the weights of a kernel of `taps` x `taps`.
static long units_of(const dk_convolution *w, int taps) { return w->panels * taps * steps_of(w, taps) * 256; }

// Where the weight of output n, kernel row y, kernel column x and channel c lies.
static uint16_t *place(const dk_convolution *w, const unit *packed, int taps, long n, int y, int x, long c) {
  const long panel = n / 16, start = dk_convolution_group_start(w, panel), k = x * w->inputs + c;
  const long step = y * steps_of(w, taps) + k / 32;
  const long tile = start * taps * steps_of(w, taps) + step * dk_convolution_group(w, start) + panel - start;
  return (uint16_t *)(packed + tile * 256 + k % 32 / 2 * 16 + n % 16) + k % 2;
}

static dk_status pack(dk_convolution *w, const float *dense) {
  w->packed.units = dk_allocate_zeroed((size_t)units_of(w, 3) * sizeof(unit));
  if (!w->packed.units) return DK_OUT_OF_MEMORY;
  for (long n = 0; n < w->outputs; n++)
    for (int tap = 0; tap < 9; tap++)
      for (long c = 0; c < w->inputs; c++)
        *place(w, w->packed.units, 3, n, tap / 3, tap % 3, c) = dk_f32_to_bf16(dense[(n * 9 + tap) * w->inputs + c]);
  return DK_OK;
}

static packed_taps *pack_phases(const dk_convolution *w) {
  packed_taps *phases = dk_allocate_zeroed(4 * sizeof *phases);
  if (!phases) return NULL;
  for (int phase = 0; phase < 4; phase++) {
    phases[phase].units = dk_allocate_zeroed((size_t)units_of(w, 2) * sizeof(unit));
    if (!phases[phase].units) return dk_convolution_free_phases(phases), NULL;
    for (long n = 0; n < w->outputs; n++)
      for (long c = 0; c < w->inputs; c++) {
        float nine[9], four[4];
        for (int tap = 0; tap < 9; tap++) nine[tap] = dk_bf16_to_f32(*place(w, w->packed.units, 3, n, tap / 3, tap % 3, c));
        dk_convolution_phase(phase, nine, four);
        for (int tap = 0; tap < 4; tap++)
          *place(w, phases[phase].units, 2, n, tap / 2, tap % 2, c) = dk_f32_to_bf16(four[tap]);
      }
  }
  return phases;
}

// ---------------------------------------------------------------- rows of x

// Numbers of a line of `pixels` pixels, and behind them what tiles may read: a block of pixels at the largest stride, a step.
static long line_length(const amx_convolution *job, long pixels) {
  const long inputs = job->w->inputs, overhang = 32 * job->a->stride * inputs + 32;
  return dk_ceil_div(pixels * inputs + overhang, 32) * 32;
}

static void copy_numbers(dk_type type, const void *from, long count, uint16_t *to) {
  if (type == DK_BF16) memcpy(to, from, (size_t)count * 2);
  else dk_from_f32(DK_STORED_BF16, from, count, to);
}

// Pixels start..<start + count of row y of picture b as the kernel sees them, in a line of `length` numbers: zeros outside
// the picture and behind the last pixel.
static void read_line(const amx_convolution *job, long b, long y, long start, long count, uint16_t *to, long length) {
  const dk_convolution_arguments *a = job->a;
  const long n = job->w->inputs, up = job->phases ? 1 : a->upsample, width = a->width * up;
  const long left = dk_min(dk_max(start, 0), start + count);
  const long right = y < 0 || y >= a->height * up ? left : dk_max(left, dk_min(start + count, width));
  const long row = (b * a->height + y / up) * a->width;
  uint16_t *at = to + (left - start) * n;
  memset(to, 0, (size_t)(at - to) * 2);
  if (up == 1 && job->x.stride == n && right > left) {  // without gaps they are one long pixel
    copy_numbers(job->x.type, dk_row(job->x, row + left), (right - left) * n, at);
    at += (right - left) * n;
  } else {
    for (long i = left; i < right; i++, at += n) copy_numbers(job->x.type, dk_row(job->x, row + i / up), n, at);
  }
  memset(at, 0, (size_t)(to + length - at) * 2);
}

// ---------------------------------------------------------------- tasks

enum { sums_bytes = 2 * 32 * 16 * amx_panels * 4 };

static long line_pixels(const amx_convolution *job) {
  return job->phases ? job->a->width + 2 : (job->width - 1) * job->a->stride + 3;
}
static long lines_of(const amx_convolution *job, long rows) { return (rows - 1) * job->a->stride + 3; }

static void convolution_task(void *context, long task, int thread) {
  const amx_convolution *job = context;
  const dk_convolution *w = job->w;
  const long b = task / job->bands, top = task % job->bands * job->band;
  const long rows = dk_min(job->band, (job->phases ? job->a->height : job->height) - top);
  const long before = job->a->pad_end_only ? 0 : 1, pixels = line_pixels(job), length = line_length(job, pixels);
  float *sums = dk_scratch(job->engine, thread);
  uint16_t *lines = (uint16_t *)((char *)sums + sums_bytes);
  for (long i = 0; i < lines_of(job, rows); i++)
    read_line(job, b, top * job->a->stride - before + i, -before, pixels, lines + i * length, length);

  if (!job->phases) {
    amx_band band = {.lines = lines, .length = length, .kernel_rows = 3, .steps = steps_of(w, 3), .rows = rows};
    band.weights = (const char *)w->packed.units;
    band.pixels = band.row_step = job->width;
    band.first = (b * job->height + top) * job->width;
    band.pixel_step = 1;
    job->engine->kernels->amx->convolve(job, &band, 1, sums);
    return;
  }
  amx_band bands[4];
  for (int phase = 0; phase < 4; phase++) {
    amx_band *band = &bands[phase];
    *band = (amx_band){.length = length, .kernel_rows = 2, .steps = steps_of(w, 2), .rows = rows, .pixels = job->a->width};
    band->lines = lines + phase / 2 * length + phase % 2 * w->inputs;
    band->weights = (const char *)job->phases[phase].units;
    band->first = (b * job->height + 2 * top + phase / 2) * job->width + phase % 2;
    band->row_step = 2 * job->width;
    band->pixel_step = 2;
  }
  job->engine->kernels->amx->convolve(job, bands, 4, sums);
}

static dk_status convolve(dk_engine *engine, const dk_convolution *w, const dk_convolution_arguments *a, dk_rows x,
                          dk_rows residual, dk_rows out) {
  amx_convolution job = {.engine = engine, .w = w, .a = a, .x = x};
  job.height = dk_ceil_div(a->height * a->upsample, a->stride);
  job.width = dk_ceil_div(a->width * a->upsample, a->stride);
  job.finish = (finish){w->outputs, a->bias, a->activation, residual, out};
  const int phases = a->upsample == 2 && a->stride == 1 && !a->pad_end_only;
  if (phases && !(job.phases = dk_convolution_phases(w))) return DK_OUT_OF_MEMORY;
  // Long bands, since each copies two rows more than it computes; but some for each thread.
  const long rows = phases ? a->height : job.height;
  job.band = dk_max(1, dk_min(16, dk_ceil_div(rows, 8 * engine->threads)));
  job.bands = dk_ceil_div(rows, job.band);
  const size_t copies = (size_t)(line_length(&job, line_pixels(&job)) * lines_of(&job, job.band)) * 2;
  return dk_parallel(engine, sums_bytes + copies, a->batch * job.bands, convolution_task, &job);
}

const dk_convolver dk_convolver_amx = {.panels = amx_panels, .pack = pack, .pack_phases = pack_phases, .convolve = convolve};
