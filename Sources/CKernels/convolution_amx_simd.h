// 3x3 convolutions by tiles: 32 pixels x up to 48 output channels at a time. Template of kernels_amx.c, included for AMX and
// for its emulation (tiles_amx.h, tiles_emulated.h), with vectors (simd.h).
//
// The taps of one row of the kernel lie side by side in the picture, so the product runs over 3 · inputs numbers a kernel
// row, in steps of 32. What the last step reads of the next pixel meets weights of zero.
//
// Tile instructions run beside those of vectors, so while a block is multiplied, the one before goes through its epilogue.

// A block on its way to the outputs: pixels next..<pixels are left.
typedef struct {
  const float *sums;       // [32][width * 16]
  const float *bias;       // [width * 16]
  const uint16_t *before;  // residual of pixel 0, or NULL
  uint16_t *out;
  long before_step, out_step;  // numbers from pixel to pixel
  long next, pixels;
} T(finished_pixels);

typedef struct {
  const char *x[3];     // by kernel row: the first pixel's first tap
  long x_step;          // bytes from pixel to pixel
  int rows;             // of the kernel
  long steps;           // of 32 numbers of a kernel row
  const char *weights;  // [rows][steps][width] tiles
  int below;            // more than 16 pixels
  float *sums;
  T(finished_pixels) *before;
} T(pixels);

TILE_TARGET DK_INLINE void T(finish_next_pixel)(const int width, const dk_activation activation, const int residual,
                                                T(finished_pixels) *f) {
  enum { most = 16 * amx_panels / LANES };
  const int vectors = width * 16 / LANES;
  const float *sums = f->sums + f->next * width * 16;
  const uint16_t *before = residual ? f->before + f->next * f->before_step : NULL;
  uint16_t *out = f->out + f->next * f->out_step;
  V(vec) y[most];
  DK_UNROLL for (int v = 0; v < vectors; v++) {
    y[v] = V(add)(V(load)(sums + v * LANES), V(load)(f->bias + v * LANES));
    if (residual) y[v] = V(add)(y[v], V(load_bf16)(before + v * LANES));
    if (activation == DK_ACT_RELU) y[v] = V(max)(V(set)(0), y[v]);
  }
  DK_UNROLL for (int v = 0; v + 1 < vectors; v += 2) V(store_two_as_bf16)(out + v * LANES, y[v], y[v + 1]);
  if (vectors & 1) V(store_as_bf16)(out + (vectors - 1) * LANES, y[vectors - 1]);
  f->next++;
}

TILE_TARGET DK_INLINE void T(multiply_pixels)(const int width, const dk_activation activation, const int residual,
                                              const T(pixels) *b) {
  const long x_step = b->x_step, row = width * 64;
  const char *w = b->weights;
  T(finished_pixels) *f = b->before;
  const long each = f ? dk_ceil_div(f->pixels - f->next, b->rows * b->steps) : 0;
  TILE_ZERO(0);
  TILE_ZERO(1);
  TILE_ZERO(2);
  TILE_ZERO(3);
  TILE_ZERO(4);
  TILE_ZERO(5);
  for (int r = 0; r < b->rows; r++) {
    const char *x = b->x[r], *below = x + 16 * x_step;
    for (long step = 0; step < b->steps; step++, x += 64, below += 64, w += width * 1024) {
      // Sums of the first 16 pixels in 0, 1, 2, of the next in 3, 4, 5; one register for x and one for weights, in an
      // order in which each load but one is used twice.
      TILE_LOAD(6, x, x_step);
      TILE_LOAD(7, w, 64);
      TILE_DOT_BF16(0, 6, 7);
      if (width > 1) {
        TILE_LOAD(7, w + 1024, 64);
        TILE_DOT_BF16(1, 6, 7);
      }
      if (width > 2) {
        TILE_LOAD(7, w + 2048, 64);
        TILE_DOT_BF16(2, 6, 7);
      }
      if (b->below) {
        TILE_LOAD(6, below, x_step);
        if (width > 2) {
          TILE_DOT_BF16(5, 6, 7);
          TILE_LOAD(7, w + 1024, 64);
        }
        if (width > 1) {
          TILE_DOT_BF16(4, 6, 7);
          TILE_LOAD(7, w, 64);
        }
        TILE_DOT_BF16(3, 6, 7);
      }
      const long end = f ? dk_min(f->pixels, f->next + each) : 0;
      while (f && f->next < end) T(finish_next_pixel)(width, activation, residual, f);
    }
  }
  float *to = b->sums, *lower = to + 16 * width * 16;
  TILE_STORE(0, to, row);
  if (width > 1) TILE_STORE(1, to + 16, row);
  if (width > 2) TILE_STORE(2, to + 32, row);
  if (b->below) {
    TILE_STORE(3, lower, row);
    if (width > 1) TILE_STORE(4, lower + 16, row);
    if (width > 2) TILE_STORE(5, lower + 32, row);
  }
}

// ---------------------------------------------------------------- the loops for each epilogue

typedef struct {
  void (*multiply)(const T(pixels) *);
  void (*rest)(T(finished_pixels) *);
} T(convolution_mode);

#define MODE(NAME, WIDTH, ACTIVATION, RESIDUAL)                                                          \
  TILE_TARGET __attribute__((noinline)) static void T(NAME)(const T(pixels) *b) {                        \
    T(multiply_pixels)(WIDTH, ACTIVATION, RESIDUAL, b);                                                  \
  }                                                                                                      \
  TILE_TARGET __attribute__((noinline)) static void T(NAME##_rest)(T(finished_pixels) *f) {              \
    while (f->next < f->pixels) T(finish_next_pixel)(WIDTH, ACTIVATION, RESIDUAL, f);                    \
  }
#define MODES(WIDTH)                               \
  MODE(plain_##WIDTH, WIDTH, DK_ACT_NONE, 0)       \
  MODE(relu_##WIDTH, WIDTH, DK_ACT_RELU, 0)        \
  MODE(residual_##WIDTH, WIDTH, DK_ACT_NONE, 1)    \
  MODE(residual_relu_##WIDTH, WIDTH, DK_ACT_RELU, 1)
MODES(1)
MODES(2)
MODES(3)
#undef MODES
#undef MODE

// Those that have none go through `finish_pixels` after each block.
static int T(has_mode)(const finish *e) {
  return (e->activation == DK_ACT_NONE || e->activation == DK_ACT_RELU) && e->out.type == DK_BF16 &&
         (!e->residual.data || e->residual.type == DK_BF16);
}

static const T(convolution_mode) *T(choose_convolution_mode)(const finish *e, int width) {
#define ENTRY(NAME) {T(NAME), T(NAME##_rest)}
#define ENTRIES(W) {ENTRY(plain_##W), ENTRY(relu_##W), ENTRY(residual_##W), ENTRY(residual_relu_##W)}
  static const T(convolution_mode) modes[amx_panels][4] = {ENTRIES(1), ENTRIES(2), ENTRIES(3)};
#undef ENTRIES
#undef ENTRY
  return &modes[width - 1][T(has_mode)(e) ? (e->activation == DK_ACT_RELU) + 2 * (e->residual.data != NULL) : 0];
}

// ---------------------------------------------------------------- a task

// `count` pixels of the channels from `channel` on, as many as there are of `width` panels, by the general epilogue.
static void T(finish_generally)(const amx_convolution *job, const float *sums, int width, long channel, long count, long first,
                                long step) {
  finish e = job->finish;
  e.channels = dk_min(width * 16, e.channels - channel);
  if (e.bias) e.bias += channel;
  e.out.data = (char *)e.out.data + channel * (long)dk_type_size(e.out.type);
  if (e.residual.data) e.residual.data = (char *)e.residual.data + channel * (long)dk_type_size(e.residual.type);
  job->engine->kernels->finish_pixels(&e, sums, width * 16, count, first, step);
}

// The panels of 16 output channels from `panel` on, by strips of 32 pixels from top to bottom: of the lines a strip reads,
// only one is new in each row.
TILE_TARGET static void T(convolve_panels)(const amx_convolution *job, const amx_band *band, const char *weights, long panel,
                                           int width, float *sums) {
  static const float no_bias[16 * amx_panels] = {0};
  const finish *e = &job->finish;
  const T(convolution_mode) *mode = T(choose_convolution_mode)(e, width);
  const int whole = T(has_mode)(e) && (panel + width) * 16 <= e->channels;
  const long line_bytes = band->length * 2, x_step = job->a->stride * job->w->inputs * 2;
  T(finished_pixels) finished = {0};
  T(pixels) b = {.x_step = x_step, .rows = band->kernel_rows, .steps = band->steps, .weights = weights};
  long turn = 0;
  for (long pixel = 0; pixel < band->pixels; pixel += 32) {
    const long here = dk_min(32, band->pixels - pixel);
    b.below = here > 16;
    for (long row = 0; row < band->rows; row++, turn ^= 1) {
      const char *x = (const char *)band->lines + row * job->a->stride * line_bytes + pixel * x_step;
      for (int r = 0; r < band->kernel_rows; r++) b.x[r] = x + r * line_bytes;
      b.sums = sums + turn * 32 * 16 * amx_panels;
      b.before = finished.pixels ? &finished : NULL;
      mode->multiply(&b);
      if (finished.pixels) mode->rest(&finished);
      finished.pixels = 0;
      const long at = band->first + row * band->row_step + pixel * band->pixel_step;
      if (!whole) {
        T(finish_generally)(job, b.sums, width, panel * 16, here, at, band->pixel_step);
        continue;
      }
      finished = (T(finished_pixels)){.sums = b.sums, .pixels = here};
      finished.bias = e->bias ? e->bias + panel * 16 : no_bias;
      finished.out = (uint16_t *)dk_row(e->out, at) + panel * 16;
      finished.out_step = band->pixel_step * e->out.stride;
      if (e->residual.data) finished.before = (const uint16_t *)dk_row(e->residual, at) + panel * 16;
      finished.before_step = band->pixel_step * e->residual.stride;
    }
  }
  if (finished.pixels) mode->rest(&finished);
}

TILE_TARGET static void T(convolve)(const amx_convolution *job, const amx_band *bands, int count, float *sums) {
  TILE_BEGIN;
  for (const amx_band *band = bands; band < bands + count; band++) {
    const char *weights = band->weights;
    for (long panel = 0; panel < job->w->panels;) {
      const int width = dk_convolution_group(job->w, panel);
      T(convolve_panels)(job, band, weights, panel, width, sums);
      weights += band->kernel_rows * band->steps * width * 1024;
      panel += width;
    }
  }
  TILE_END;
}
