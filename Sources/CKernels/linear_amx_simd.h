// Products by tiles, blocks of 32 rows x 32 columns. Template of kernels_amx.c, included for AMX and for its emulation
// (tiles_amx.h, tiles_emulated.h), with the vectors (simd.h) that turn sums into outputs.
//
// A block takes four tile registers of sums, two of x and two of the panel: what is read is multiplied twice. Tile
// instructions run beside those of vectors, so while a block is multiplied, the one before goes through its epilogue,
// some rows a step.

enum { T(vectors) = 32 / LANES };

// What the epilogue of 32 columns reads, the same for all rows of one gate.
typedef struct {
  V(vec) bias[T(vectors)], gate[T(vectors)], scale[T(vectors)];
} T(columns);

// A block on its way to the outputs: rows next..<rows are left.
typedef struct {
  const char *sums;  // [32][32]
  const float *x_scales;
  char *out;  // row 0, from the block's first column
  long out_bytes;
  long next, rows;
  const T(columns) *columns;
} T(finished);

// A block to be multiplied: sums [32][32] = x · panel over `steps` steps of 64 bytes, added to what is there if `resume`.
typedef struct {
  long steps;
  const char *x, *below;  // rows 0..<16 and 16..<32; NULL: there are no more than 16
  long stride, step;      // from row to row, and from step to step
  const char *panel;
  const char *ahead;  // `lines` cache lines in each step are fetched from here
  long lines;
  char *sums;
  int resume;
  T(finished) *before;
} T(block);

// One row of 32 outputs. The caller's constants decide everything: nothing is left to decide at run time.
TILE_TARGET DK_INLINE void T(finish_row)(const int integers, const dk_activation activation, const int residual,
                                         const dk_type type, T(finished) *f) {
  static const int32_t zeros[LANES] = {0};
  const T(columns) *c = f->columns;
  const char *sums = f->sums + f->next * 128;
  char *out = f->out + f->next * f->out_bytes;
  V(vec) y[T(vectors)];
  DK_UNROLL for (int v = 0; v < T(vectors); v++) {
    if (integers) {
      // The same bits on every processor: the order of `finish`, and no fused multiply-add with the bias.
      y[v] = V(mul)(V(load_difference)((const int32_t *)sums + v * LANES, zeros), c->scale[v]);
      y[v] = V(mul)(y[v], V(set)(f->x_scales[f->next]));
    } else {
      y[v] = V(load)((const float *)sums + v * LANES);
    }
    y[v] = V(add)(y[v], c->bias[v]);
    if (activation == DK_ACT_GELU_TANH) y[v] = V(gelu_coarse)(y[v]);
    if (residual) y[v] = V(fma)(c->gate[v], y[v], V(load)((const float *)out + v * LANES));
    if (type == DK_F32) V(store)((float *)out + v * LANES, y[v]);
  }
  if (type == DK_BF16) {
    DK_UNROLL for (int v = 0; v < T(vectors); v += 2) V(store_two_as_bf16)((uint16_t *)out + v * LANES, y[v], y[v + 1]);
  }
  f->next++;
}

// `near` is what stays in the first cache from block to block: 0 the panel, 1 x. The other streams past it (tileloaddt1),
// and does not push it out: without that a block takes a quarter longer.
TILE_TARGET DK_INLINE void T(multiply_block)(const int near, const int integers, const dk_activation activation,
                                             const int residual, const dk_type type, const T(block) *b) {
#define LOAD_X(t, from) (near ? TILE_LOAD(t, from, stride) : TILE_STREAM(t, from, stride))
#define LOAD_PANEL(t, from) (near ? TILE_STREAM(t, from, 128) : TILE_LOAD(t, from, 128))
#define DOT(c, x, w) (integers ? TILE_DOT_I8(c, x, w) : TILE_DOT_BF16(c, x, w))
  const long steps = b->steps, stride = b->stride, each = b->step, lines = b->lines;
  const char *x = b->x, *below = b->below, *panel = b->panel, *ahead = b->ahead;
  char *sums = b->sums;
  T(finished) *f = b->before;
  const long rows = f ? dk_ceil_div(f->rows - f->next, steps) : 0;
  if (b->resume) {
    TILE_LOAD(0, sums, 128);
    TILE_LOAD(1, sums + 64, 128);
    if (below) {
      TILE_LOAD(2, sums + 2048, 128);
      TILE_LOAD(3, sums + 2112, 128);
    }
  } else {
    TILE_ZERO(0);
    TILE_ZERO(1);
    TILE_ZERO(2);
    TILE_ZERO(3);
  }
  for (long step = 0; step < steps; step++) {
    LOAD_X(4, x + step * each);
    LOAD_PANEL(6, panel);
    LOAD_PANEL(7, panel + 64);
    DOT(0, 4, 6);
    DOT(1, 4, 7);
    if (below) {
      LOAD_X(5, below + step * each);
      DOT(2, 5, 6);
      DOT(3, 5, 7);
    }
    panel += 2048;
    for (long i = 0; i < lines; i++, ahead += 64) __builtin_prefetch(ahead, 0, 2);
    const long end = f ? dk_min(f->rows, f->next + rows) : 0;
    while (f && f->next < end) T(finish_row)(integers, activation, residual, type, f);
  }
  TILE_STORE(0, sums, 128);
  TILE_STORE(1, sums + 64, 128);
  if (below) {
    TILE_STORE(2, sums + 2048, 128);
    TILE_STORE(3, sums + 2112, 128);
  }
#undef DOT
#undef LOAD_PANEL
#undef LOAD_X
}

// ---------------------------------------------------------------- the loops for each epilogue

typedef struct {
  void (*multiply_near_panel)(const T(block) *), (*multiply_near_x)(const T(block) *);
  void (*rest)(T(finished) *);
} T(mode);

#define MODE(NAME, INTEGERS, ACTIVATION, RESIDUAL, TYPE)                                       \
  TILE_TARGET __attribute__((noinline)) static void T(NAME##_near_panel)(const T(block) *b) {  \
    T(multiply_block)(0, INTEGERS, ACTIVATION, RESIDUAL, TYPE, b);                             \
  }                                                                                            \
  TILE_TARGET __attribute__((noinline)) static void T(NAME##_near_x)(const T(block) *b) {      \
    T(multiply_block)(1, INTEGERS, ACTIVATION, RESIDUAL, TYPE, b);                             \
  }                                                                                            \
  TILE_TARGET __attribute__((noinline)) static void T(NAME##_rest)(T(finished) *f) {           \
    while (f->next < f->rows) T(finish_row)(INTEGERS, ACTIVATION, RESIDUAL, TYPE, f);          \
  }                                                                                            \
  static const T(mode) T(NAME) = {T(NAME##_near_panel), T(NAME##_near_x), T(NAME##_rest)};
#define MODES(NAME, INTEGERS)                               \
  MODE(NAME##_f32, INTEGERS, DK_ACT_NONE, 0, DK_F32)        \
  MODE(NAME##_bf16, INTEGERS, DK_ACT_NONE, 0, DK_BF16)      \
  MODE(NAME##_gelu, INTEGERS, DK_ACT_GELU_TANH, 0, DK_BF16) \
  MODE(NAME##_residual, INTEGERS, DK_ACT_NONE, 1, DK_F32)
MODES(floats, 0)
MODES(integers, 1)
#undef MODES
#undef MODE

// Epilogues without a mode of their own go through the general `finish` after each block.
static int T(is_general)(const amx_linear *job) {
  const dk_epilogue *e = job->epilogue;
  if (e->activation == DK_ACT_NONE) return e->residual && job->out.type != DK_F32;
  return e->activation != DK_ACT_GELU_TANH || e->residual || job->out.type != DK_BF16;
}

static const T(mode) *T(choose_mode)(const amx_linear *job) {
  const int integers = job->weight->kind == DK_WEIGHT_INT8;
  if (!T(is_general)(job)) {
    if (job->epilogue->residual) return integers ? &T(integers_residual) : &T(floats_residual);
    if (job->epilogue->activation == DK_ACT_GELU_TANH) return integers ? &T(integers_gelu) : &T(floats_gelu);
    if (job->out.type == DK_BF16) return integers ? &T(integers_bf16) : &T(floats_bf16);
  }
  return integers ? &T(integers_f32) : &T(floats_f32);
}

// ---------------------------------------------------------------- a task

// Its progress through its blocks.
typedef struct {
  const amx_linear *job;
  const amx_piece *piece;
  const T(mode) *mode;
  int general;           // every block has the general epilogue
  long first, last;      // the steps of the part of k at hand
  dk_epilogue epilogue;  // of it
  T(columns) columns[2];
  T(finished) finished;
  int waiting;  // `finished` is not done yet
  long done;    // blocks
} T(progress);

TILE_TARGET static void T(read_columns)(const T(progress) *w, long column, long row, T(columns) *to) {
  const dk_epilogue *e = &w->epilogue;
  const float *scales = w->job->weight->scales;
  const float *gate = e->residual && e->gate ? e->gate + row / e->rows_per_group * e->gate_stride : NULL;
  for (int v = 0; v < T(vectors); v++) {
    const long at = column + v * LANES;
    to->bias[v] = e->bias ? V(load)(e->bias + at) : V(set)(0);
    to->gate[v] = gate ? V(load)(gate + at) : V(set)(1);
    to->scale[v] = scales ? V(load)(scales + at) : V(set)(1);
  }
}

static void T(finish_waiting)(T(progress) *w) {
  if (w->waiting) w->mode->rest(&w->finished);
  w->waiting = 0;
}

// The sums of block (row, column) of the task are there: its epilogue, now or beside the next block.
TILE_TARGET static void T(finish_block)(T(progress) *w, const char *sums, long row, long rows, long column) {
  const amx_linear *job = w->job;
  const float *x_scales = w->piece->x_scales ? w->piece->x_scales + row : NULL;
  const long at = w->piece->row + row, count = dk_min(32, job->weight->n - column);
  if (w->general || count < 32 || !dk_one_gate(&w->epilogue, at, rows)) {
    job->engine->kernels->finish(job->weight, &w->epilogue, sums, 32, x_scales, job->out, at, rows, column, count);
    return;
  }
  T(columns) *columns = &w->columns[w->done++ % 2];
  T(read_columns)(w, column, at, columns);
  const long size = (long)dk_type_size(job->out.type);
  w->finished = (T(finished)){.sums = sums, .x_scales = x_scales, .rows = rows, .columns = columns};
  w->finished.out = (char *)dk_row(job->out, at) + column * size;
  w->finished.out_bytes = job->out.stride * size;
  w->waiting = 1;
}

// Block of rows `i` and panel `p`, steps start..<end of k.
TILE_TARGET static void T(run_block)(T(progress) *w, long i, long p, long start, long end, char *sums, const char *ahead,
                                     long lines) {
  const amx_piece *piece = w->piece;
  const long row = i * 32, rows = dk_min(32, piece->rows - row);
  T(block) b = {.steps = end - start, .stride = piece->stride, .step = piece->step, .ahead = ahead, .lines = lines, .sums = sums};
  b.x = piece->tiles[2 * i] + start * piece->step;
  b.below = rows > 16 ? piece->tiles[2 * i + 1] + start * piece->step : NULL;
  b.panel = w->job->weight->panels + (p * amx_steps(w->job->weight) + start) * 2048;
  b.resume = start > w->first;
  b.before = w->waiting ? &w->finished : NULL;
  if (w->job->near_x) w->mode->multiply_near_x(&b);
  else w->mode->multiply_near_panel(&b);
  T(finish_waiting)(w);
  if (end == w->last) T(finish_block)(w, sums, row, rows, p * 32);
}

// 32 rows of x stay near for a part of k, the panels stream past. The sums of all panels wait for the next part.
TILE_TARGET static void T(run_near_x)(T(progress) *w, long blocks) {
  const amx_piece *piece = w->piece;
  // Where nothing waits, two places are enough: one is filled, one is emptied.
  const int two = w->last <= amx_near_steps || piece->end_panel - piece->first_panel == 1;
  for (long i = 0; i < blocks; i++)
    for (long start = 0; start < w->last; start += amx_near_steps)
      for (long p = piece->first_panel; p < piece->end_panel; p++) {
        char *sums = piece->sums + (two ? w->done % 2 : p - piece->first_panel) * 4096;
        T(run_block)(w, i, p, start, dk_min(w->last, start + amx_near_steps), sums, NULL, 0);
      }
}

// A part of a panel stays near, the rows of x stream past; meanwhile what comes next is brought into the second cache.
// Where rows are too long to stay in the second cache, they come in parts of k, and each part is added to the outputs.
TILE_TARGET static void T(run_near_panel)(T(progress) *w, long blocks) {
  const amx_piece *piece = w->piece;
  const dk_weight *weight = w->job->weight;
  const long steps = amx_steps(weight), parts = w->job->parts, lines = dk_ceil_div(32, blocks);
  for (long part = 0; part < parts; part++) {
    w->first = steps * part / parts;
    w->last = steps * (part + 1) / parts;
    for (long p = piece->first_panel; p < piece->end_panel; p++)
      for (long start = w->first; start < w->last; start += amx_far_steps) {
        const long end = dk_min(w->last, start + amx_far_steps);
        const char *ahead = weight->panels + (p * steps + end) * 2048;
        for (long i = 0; i < blocks; i++, ahead += lines * 64 * (end - start)) {
          char *sums = piece->sums + (blocks == 1 ? w->done % 2 : i) * 4096;
          T(run_block)(w, i, p, start, end, sums, ahead, lines);
        }
      }
    T(finish_waiting)(w);
    w->epilogue.bias = NULL;  // is in now
  }
}

TILE_TARGET static void T(multiply_piece)(const amx_linear *job, const amx_piece *piece) {
  T(progress) w = {.job = job, .piece = piece, .epilogue = *job->epilogue, .last = amx_steps(job->weight)};
  w.mode = T(choose_mode)(job);
  w.general = T(is_general)(job);
  const long blocks = dk_ceil_div(piece->rows, 32);
  TILE_BEGIN;
  if (job->near_x) T(run_near_x)(&w, blocks);
  else T(run_near_panel)(&w, blocks);
  T(finish_waiting)(&w);
  TILE_END;
}
