// Products with matrices of a few rows, as adapters of low rank have them (LoRA, arXiv 2106.09685): into the few numbers of a
// row, back out of them, and the gradient of the matrix. They take hardly longer than reading or writing the rows.
#include "kernel_table.h"

enum {
  rows_at_once = 64,
  strip = 64,  // columns of the gradient at once, so that the rows of a task stay in the nearest cache
};

typedef struct {
  dk_engine *engine;
  long rows, columns, rank;
  dk_rows x;  // or out
  const float *h, *m;
  float scale;
  float *result;  // h or dm
} job;

DK_INLINE void *at(dk_rows rows, long row, long column) {
  return (char *)dk_row(rows, row) + column * (long)dk_type_size(rows.type);
}

// ---------------------------------------------------------------- reference

static void project_by_definition(const job *j) {
  for (long r = 0; r < j->rows; r++)
    for (long i = 0; i < j->rank; i++) {
      double sum = 0;
      for (long c = 0; c < j->columns; c++) sum += (double)dk_get(j->x.type, dk_row(j->x, r), c) * j->m[i * j->columns + c];
      j->result[r * j->rank + i] = (float)sum;
    }
}

static void expand_by_definition(const job *j) {
  for (long r = 0; r < j->rows; r++)
    for (long c = 0; c < j->columns; c++) {
      double sum = 0;
      for (long i = 0; i < j->rank; i++) sum += (double)j->h[r * j->rank + i] * j->m[i * j->columns + c];
      dk_put(j->x.type, dk_row(j->x, r), c, (float)(dk_get(j->x.type, dk_row(j->x, r), c) + j->scale * sum));
    }
}

static void gradient_by_definition(const job *j) {
  for (long i = 0; i < j->rank; i++)
    for (long c = 0; c < j->columns; c++) {
      double sum = 0;
      for (long r = 0; r < j->rows; r++) sum += (double)j->h[r * j->rank + i] * dk_get(j->x.type, dk_row(j->x, r), c);
      j->result[i * j->columns + c] = (float)(j->result[i * j->columns + c] + j->scale * sum);
    }
}

// ---------------------------------------------------------------- native

static void project_task(void *context, long task, int thread) {
  (void)thread;
  const job *j = context;
  const long row = task * rows_at_once;
  dk_rows x = j->x;
  x.data = dk_row(j->x, row);
  j->engine->kernels->project_rows(dk_min(rows_at_once, j->rows - row), j->columns, j->rank, x, j->m, j->result + row * j->rank);
}

static void expand_task(void *context, long task, int thread) {
  const job *j = context;
  float *h = dk_scratch(j->engine, thread);  // [rows_at_once][rank], scaled
  const long row = task * rows_at_once, rows = dk_min(rows_at_once, j->rows - row);
  for (long i = 0; i < rows * j->rank; i++) h[i] = j->scale * j->h[row * j->rank + i];
  dk_rows out = j->x;
  out.data = dk_row(j->x, row);
  j->engine->kernels->expand_rows(rows, j->columns, j->rank, h, j->m, out);
}

static void gradient_task(void *context, long task, int thread) {
  const job *j = context;
  const dk_kernels *kernels = j->engine->kernels;
  float *sums = dk_scratch(j->engine, thread);  // [rank][strip]
  float *x = sums + j->rank * strip;            // [rows_at_once][strip]
  const long column = task * strip, columns = dk_min(strip, j->columns - column);
  memset(sums, 0, (size_t)((j->rank + rows_at_once) * strip) * 4);
  for (long row = 0; row < j->rows; row += rows_at_once) {
    const long rows = dk_min(rows_at_once, j->rows - row);
    for (long r = 0; r < rows; r++) kernels->widen_row(j->x.type, at(j->x, row + r, column), columns, x + r * strip);
    kernels->small_product(j->rank, strip, rows, j->h + row * j->rank, 1, j->rank, x, strip, sums, strip, 1);
  }
  for (long i = 0; i < j->rank * strip; i++) sums[i] *= j->scale;
  for (long i = 0; i < j->rank; i++) {
    float *to = j->result + i * j->columns + column;
    kernels->elementwise_row(DK_ADD, DK_ACT_NONE, columns, DK_F32, to, DK_F32, sums + i * strip, DK_F32, to);
  }
}

// ---------------------------------------------------------------- the functions of CKernels.h

static int is_empty(const job *j) { return j->rows <= 0 || j->columns <= 0 || j->rank <= 0; }

dk_status dk_thin_project(dk_engine *engine, long rows, long columns, long rank, dk_rows x, const float *m, float *h) {
  job j = {.engine = engine, .rows = rows, .columns = columns, .rank = rank, .x = x, .m = m, .result = h};
  if (is_empty(&j)) return DK_OK;
  if (engine->backend != DK_BACKEND_REFERENCE)
    return dk_parallel(engine, 0, dk_ceil_div(rows, rows_at_once), project_task, &j);
  project_by_definition(&j);
  return DK_OK;
}

dk_status dk_thin_expand(dk_engine *engine, long rows, long columns, long rank, const float *h, const float *m, float scale,
                         dk_rows out) {
  job j = {.engine = engine, .rows = rows, .columns = columns, .rank = rank, .x = out, .h = h, .m = m, .scale = scale};
  if (is_empty(&j)) return DK_OK;
  if (engine->backend != DK_BACKEND_REFERENCE)
    return dk_parallel(engine, (size_t)(rows_at_once * rank) * 4, dk_ceil_div(rows, rows_at_once), expand_task, &j);
  expand_by_definition(&j);
  return DK_OK;
}

dk_status dk_thin_gradient(dk_engine *engine, long rows, long columns, long rank, const float *h, dk_rows x, float scale,
                           float *dm) {
  job j = {.engine = engine, .rows = rows, .columns = columns, .rank = rank, .x = x, .h = h, .scale = scale, .result = dm};
  if (is_empty(&j)) return DK_OK;
  const size_t scratch = (size_t)((rank + rows_at_once) * strip) * 4;
  if (engine->backend != DK_BACKEND_REFERENCE)
    return dk_parallel(engine, scratch, dk_ceil_div(columns, strip), gradient_task, &j);
  gradient_by_definition(&j);
  return DK_OK;
}
