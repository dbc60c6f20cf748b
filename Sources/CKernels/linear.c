// Linear layers: y = act(x Wᵀ + b). The three ways to compute one: tiles of packed panels, sgemm, and the slow reference.
#include "kernel_table.h"

#include <math.h>

typedef struct {
  dk_engine *engine;
  long m;
  dk_rows x, out;
  const dk_weight *weight;
  const dk_epilogue *epilogue;
  long row_block;  // rows of a task
  long splits;     // tasks that share a block of rows, each with its range of panels
} linear_job;

// ---------------------------------------------------------------- native: tiles

// Whether the tiles can read x where it lies.
static int reads_in_place(const dk_weight *weight, dk_type type) {
  if (weight->k != dk_padded_k(weight)) return 0;
  return weight->gemm->x_format == (type == DK_F32 ? DK_X_F32 : DK_X_BF16);
}

// Scratch of a task: sums, scales of the rows, a piece of a panel, prepared rows, one row as float32.
typedef struct {
  char *sums;
  float *scales;
  char *panel;
  char *rows;
  float *wide;
} task_scratch;

static long prepared_stride(const dk_weight *weight) {
  // 64 bytes more than a row: rows of a power of two would all fall into one set of the cache
  return (dk_padded_k(weight) * weight->gemm->x_size + 63) / 64 * 64 + 64;
}

static long sums_bytes(const dk_weight *weight) { return DK_ROW_BLOCK * weight->gemm->columns * 4; }

// Bytes become 16 bits wide once for all rows of a task: on their way into each tile they would take a third of its time.
static int widens(const dk_gemm *gemm) { return gemm->x_format == DK_X_I16 && gemm->weight_size == 1; }
static long widened_bytes(const dk_gemm *gemm) { return widens(gemm) ? DK_I16_BLOCK * gemm->columns * 2 : 0; }

static size_t scratch_bytes(const dk_weight *weight) {
  const long rows = DK_ROW_BLOCK * prepared_stride(weight);
  return (size_t)(sums_bytes(weight) + DK_ROW_BLOCK * 4 + widened_bytes(weight->gemm) + rows + weight->k * 4);
}

static task_scratch divide_scratch(const linear_job *job, int thread) {
  const dk_weight *weight = job->weight;
  char *start = dk_scratch(job->engine, thread);
  task_scratch scratch = {.sums = start};
  scratch.scales = (float *)(start + sums_bytes(weight));
  scratch.panel = (char *)(scratch.scales + DK_ROW_BLOCK);
  scratch.rows = scratch.panel + widened_bytes(weight->gemm);
  scratch.wide = (float *)(scratch.rows + DK_ROW_BLOCK * prepared_stride(weight));
  return scratch;
}

static void tile_task(void *context, long task, int thread) {
  const linear_job *job = context;
  const dk_weight *weight = job->weight;
  const dk_gemm *gemm = weight->gemm;
  const dk_kernels *kernels = job->engine->kernels;
  const long row = task / job->splits * job->row_block, rows = dk_min(job->row_block, job->m - row);
  const long split = task % job->splits, panels = dk_panels(weight);
  const long first_panel = panels * split / job->splits, end_panel = panels * (split + 1) / job->splits;
  task_scratch scratch = divide_scratch(job, thread);

  const char *x = dk_row(job->x, row);
  long stride = job->x.stride * (long)dk_type_size(job->x.type);
  if (!reads_in_place(weight, job->x.type)) {
    for (long i = 0; i < rows; i++)
      kernels->prepare_row(gemm->x_format, job->x.type, x + i * stride, weight->k, dk_padded_k(weight), scratch.wide,
                           scratch.rows + i * prepared_stride(weight), scratch.scales + i);
    x = scratch.rows;
    stride = prepared_stride(weight);
  }
  const float *x_scales = weight->scales ? scratch.scales : NULL;

  const long steps = dk_padded_k(weight) / gemm->step;
  const long most = gemm->x_format == DK_X_I16 ? DK_I16_BLOCK / gemm->step : DK_STEP_BLOCK;
  const long x_step = gemm->step * gemm->x_size, panel_step = gemm->step * gemm->weight_size * gemm->columns;
  for (long p = first_panel; p < end_panel; p++) {
    const char *panel = weight->panels + p * dk_panel_bytes(weight);
    const long column = p * gemm->columns, count = dk_min(gemm->columns, weight->n - column);
    for (long step = 0; step < steps; step += most) {
      const long here = dk_min(most, steps - step);
      const char *piece = panel + step * panel_step;
      if (widens(gemm)) {
        kernels->widen_bytes((const int8_t *)piece, here * panel_step, (int16_t *)scratch.panel);
        piece = scratch.panel;
      }
      const char *ahead = panel + (step + here) * panel_step;  // what is needed next lies behind this
      for (long i = 0; i < rows; i += gemm->rows) {
        const long height = dk_min(gemm->rows, rows - i);
        char *sums = scratch.sums + i * gemm->columns * 4;
        gemm->tile((int)height, here, x + i * stride + step * x_step, stride, piece, ahead, sums, step > 0);
        ahead += here * 64;
        if (step + here == steps)
          kernels->finish(weight, job->epilogue, sums, gemm->columns, x_scales ? x_scales + i : NULL, job->out, row + i,
                          height, column, count);
      }
    }
  }
}

dk_status dk_linear_by_tiles(dk_engine *engine, long m, dk_rows x, const dk_weight *weight, const dk_epilogue *epilogue,
                             dk_rows out) {
  linear_job job = {.engine = engine, .m = m, .x = x, .out = out, .weight = weight, .epilogue = epilogue};
  const long threads = engine->threads, wanted = threads * 8;  // tasks enough to even out a core that others use
  const long panels = dk_panels(weight), tile_rows = weight->gemm->rows;
  // Each block of rows reads its panels once; where they come from memory, a larger block halves that.
  const size_t caches = 8 << 20;
  const long most = weight->bytes > caches ? DK_ROW_BLOCK : DK_ROW_BLOCK / 2;
  job.row_block = dk_min(m, most / tile_rows * tile_rows);
  const long blocks = dk_ceil_div(m, job.row_block);
  job.splits = threads == 1 ? 1 : dk_min(panels, dk_ceil_div(wanted, blocks));
  return dk_parallel(engine, scratch_bytes(weight), blocks * job.splits, tile_task, &job);
}

// ---------------------------------------------------------------- OpenBLAS: one sgemm a block of rows

static void sgemm_task(void *context, long task, int thread) {
  const linear_job *job = context;
  const dk_weight *weight = job->weight;
  const long n = weight->n, k = weight->k, row = task * DK_SGEMM_ROWS, rows = dk_min(DK_SGEMM_ROWS, job->m - row);
  float *sums = dk_scratch(job->engine, thread);
  const float *x = dk_row(job->x, row);
  long stride = job->x.stride;
  if (job->x.type != DK_F32) {
    float *wide = sums + DK_SGEMM_ROWS * n;
    for (long i = 0; i < rows; i++) job->engine->kernels->widen_row(job->x.type, dk_row(job->x, row + i), k, wide + i * k);
    x = wide;
    stride = k;
  }
  enum { row_major = 101, as_is = 111, transposed = 112 };
  job->engine->sgemm(row_major, as_is, transposed, (int)rows, (int)n, (int)k, 1, x, (int)stride, weight->dense, (int)k, 0,
                     sums, (int)n);
  job->engine->kernels->finish(weight, job->epilogue, sums, n, NULL, job->out, row, rows, 0, n);
}

// ---------------------------------------------------------------- reference

double dk_activate_exactly(dk_activation activation, double x) {
  switch (activation) {
    case DK_ACT_GELU_TANH: return 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
    case DK_ACT_GELU_ERF: return 0.5 * x * (1 + erf(x * 0.7071067811865476));
    case DK_ACT_GELU_QUICK: return x / (1 + exp(-1.702 * x));
    case DK_ACT_SILU: return x / (1 + exp(-x));
    case DK_ACT_RELU: return x > 0 ? x : (x == x ? 0 : x);
    case DK_ACT_NONE: return x;
  }
  return x;
}

static void reference_row(void *context, long row, int thread) {
  (void)thread;
  const linear_job *job = context;
  const dk_epilogue *e = job->epilogue;
  const long k = job->weight->k;
  const void *x = dk_row(job->x, row);
  void *out = dk_row(job->out, row);
  for (long j = 0; j < job->weight->n; j++) {
    double sum = 0;
    for (long i = 0; i < k; i++) sum += (double)dk_get(job->x.type, x, i) * job->weight->dense[j * k + i];
    if (e->bias) sum += e->bias[j];
    sum = dk_activate_exactly(e->activation, sum);
    if (e->residual) {
      double gate = e->gate ? e->gate[row / e->rows_per_group * e->gate_stride + j] : 1;
      sum = dk_get(job->out.type, out, j) + gate * sum;
    }
    dk_put(job->out.type, out, j, (float)sum);
  }
}

// ---------------------------------------------------------------- the function of CKernels.h

dk_status dk_linear(dk_engine *engine, long m, dk_rows x, const dk_weight *weight, const dk_epilogue *epilogue, dk_rows out) {
  static const dk_epilogue none = {.activation = DK_ACT_NONE};
  if (m <= 0) return DK_OK;
  if (!epilogue) epilogue = &none;
  if (weight->gemm) return weight->gemm->linear(engine, m, x, weight, epilogue, out);
  linear_job job = {.engine = engine, .m = m, .x = x, .out = out, .weight = weight, .epilogue = epilogue};
  if (engine->backend != DK_BACKEND_OPENBLAS || !engine->sgemm) return dk_parallel(engine, 0, m, reference_row, &job);
  const size_t scratch = (size_t)(DK_SGEMM_ROWS * (weight->n + weight->k)) * 4;
  return dk_parallel(engine, scratch, dk_ceil_div(m, DK_SGEMM_ROWS), sgemm_task, &job);
}
