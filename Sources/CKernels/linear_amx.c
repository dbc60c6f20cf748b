// dk_linear by tile registers: what a task multiplies, and where its rows come from. Layout of the panels: linear.h, with 32
// columns; 16 words of k are one tile, 128 bytes from row to row.
#include "amx.h"

enum {
  near_weights = 1280 << 10,  // weights that stay in the second cache; larger ones are read once for as many rows as possible,
  near_rows = 1200 << 10,     // as long as those rows stay there instead
};

// ---------------------------------------------------------------- rows of x

// Whether the tiles can read x where it lies: whole cache lines, and nothing behind a row.
static int reads_in_place(const amx_linear *job) {
  return job->weight->gemm->x_format == DK_X_BF16 && job->x.type == DK_BF16 && job->weight->k % 32 == 0 &&
         (uintptr_t)job->x.data % 64 == 0 && job->x.stride % 32 == 0;
}

static long row_bytes(const dk_weight *weight) { return dk_padded_k(weight) * weight->gemm->x_size; }

// 64 bytes more than whole lines where rows a power of two apart would share the sets of a cache.
static long prepared_stride(const dk_weight *weight) {
  const long bytes = row_bytes(weight);
  return bytes % 512 ? bytes : bytes + 64;
}

// Rows row..<row + rows in the numbers that are multiplied, and zeros up to a whole tile. `wide` holds k floats.
static void prepare_rows(const amx_linear *job, long row, long rows, char *to, float *scales, float *wide) {
  const dk_weight *weight = job->weight;
  const long stride = prepared_stride(weight);
  for (long i = 0; i < rows; i++)
    job->engine->kernels->prepare_row(weight->gemm->x_format, job->x.type, dk_row(job->x, row + i), weight->k,
                                      dk_padded_k(weight), wide, to + i * stride, scales + i);
  for (long i = rows; i % 16; i++) memset(to + i * stride, 0, (size_t)row_bytes(weight));
}

// ---------------------------------------------------------------- tasks

// Scratch of a task.
typedef struct {
  char *sums, *rows;
  float *scales, *wide;  // of rows, and a row as float32
} task_scratch;

static long sums_bytes(const dk_weight *weight) { return dk_max(amx_rows / 32, dk_panels(weight)) * 4096; }

static size_t scratch_bytes(const dk_weight *weight) {
  return (size_t)(sums_bytes(weight) + amx_rows * (prepared_stride(weight) + 4) + weight->k * 4);
}

static task_scratch divide_scratch(const amx_linear *job, int thread) {
  task_scratch scratch = {.sums = dk_scratch(job->engine, thread)};
  scratch.rows = scratch.sums + sums_bytes(job->weight);
  scratch.scales = (float *)(scratch.rows + amx_rows * prepared_stride(job->weight));
  scratch.wide = scratch.scales + amx_rows;
  return scratch;
}

// Where the tiles read the piece's rows: in what was prepared for all tasks, in x itself, or in a copy.
static void find_rows(const amx_linear *job, const task_scratch *scratch, amx_piece *piece) {
  const dk_weight *weight = job->weight;
  const char *first = scratch->rows;
  const float *scales = scratch->scales;
  long each = prepared_stride(weight);  // bytes of x a row
  piece->stride = each;
  piece->step = 64;
  if (job->prepared) {
    each = row_bytes(weight);
    first = job->prepared + piece->row * each;
    scales = job->prepared_scales + piece->row;
    piece->stride = 64;
    piece->step = 1024;
  } else if (reads_in_place(job) && piece->rows % 16 == 0) {
    first = dk_row(job->x, piece->row);
    piece->stride = each = job->x.stride * 2;
  } else {
    prepare_rows(job, piece->row, piece->rows, scratch->rows, scratch->scales, scratch->wide);
  }
  for (long i = 0; i < piece->rows; i += 16) piece->tiles[i / 16] = first + i * each;
  piece->x_scales = weight->kind == DK_WEIGHT_INT8 ? scales : NULL;
}

static void multiply_task(void *context, long task, int thread) {
  const amx_linear *job = context;
  const task_scratch scratch = divide_scratch(job, thread);
  const long panels = dk_panels(job->weight), split = task % job->splits;
  amx_piece piece = {.row = task / job->splits * job->rows, .sums = scratch.sums};
  piece.rows = dk_min(job->rows, job->m - piece.row);
  piece.first_panel = panels * split / job->splits;
  piece.end_panel = panels * (split + 1) / job->splits;
  find_rows(job, &scratch, &piece);
  job->engine->kernels->amx->multiply(job, &piece);
}

// 16 rows for all tasks, tile by tile.
static void prepare_task(void *context, long task, int thread) {
  const amx_linear *job = context;
  const task_scratch scratch = divide_scratch(job, thread);
  const long row = task * 16, stride = prepared_stride(job->weight), bytes = row_bytes(job->weight);
  prepare_rows(job, row, dk_min(16, job->m - row), scratch.rows, job->prepared_scales + row, scratch.wide);
  char *to = job->prepared + row * bytes;
  for (long at = 0; at < bytes; at += 64)
    for (long i = 0; i < 16; i++, to += 64) memcpy(to, scratch.rows + i * stride + at, 64);
}

static dk_status multiply_all(amx_linear *job) {
  return dk_parallel(job->engine, scratch_bytes(job->weight), dk_ceil_div(job->m, job->rows) * job->splits, multiply_task, job);
}

static dk_status prepare_and_multiply(amx_linear *job) {
  const long bytes = row_bytes(job->weight), tiles = dk_ceil_div(job->m, 16);
  job->prepared = dk_take_block(job->engine, (size_t)(tiles * 16 * (bytes + 4)));
  if (!job->prepared) return DK_OUT_OF_MEMORY;
  job->prepared_scales = (float *)(job->prepared + tiles * 16 * bytes);
  dk_status status = dk_parallel(job->engine, scratch_bytes(job->weight), tiles, prepare_task, job);
  if (status == DK_OK) status = multiply_all(job);
  dk_give_block(job->engine, job->prepared);
  return status;
}

static dk_status linear(dk_engine *engine, long m, dk_rows x, const dk_weight *weight, const dk_epilogue *epilogue, dk_rows out) {
  amx_linear job = {.engine = engine, .m = m, .x = x, .out = out, .weight = weight, .epilogue = epilogue, .parts = 1};
  const long threads = engine->threads, bytes = row_bytes(weight);
  job.near_x = weight->bytes <= near_weights;
  // In parts where a layer adds to its outputs, unless an activation has to see the whole sum. By the weight alone, not by
  // the rows: every sum has one order.
  const int adds = epilogue->residual && epilogue->activation == DK_ACT_NONE && out.type == DK_F32;
  if (adds && !job.near_x) job.parts = dk_ceil_div(amx_rows * bytes, near_rows);
  job.rows = job.near_x ? 32 : dk_max(64, dk_min(amx_rows, near_rows * job.parts / bytes / 32 * 32));
  // Tasks enough to even out a core that others use.
  const long wanted = threads == 1 ? 1 : threads * (job.near_x ? 4 : 8);
  job.splits = dk_max(1, dk_min(dk_panels(weight), dk_ceil_div(wanted, dk_ceil_div(m, job.rows))));
  return m > 32 && !job.near_x ? prepare_and_multiply(&job) : multiply_all(&job);
}

const dk_gemm dk_gemm_amx_bf16 = {
  .columns = 32, .step = 2, .k_block = 32, .weight_size = 2, .x_format = DK_X_BF16, .x_size = 2,
  .pack = dk_pack_columns, .linear = linear,
};
const dk_gemm dk_gemm_amx_int8 = {
  .columns = 32, .step = 4, .k_block = 64, .weight_size = 1, .x_format = DK_X_I8, .x_size = 1,
  .pack = dk_pack_columns, .linear = linear,
};
