// Gradients of norms and gates: of rows, and of what all rows of a group share.
//
// What is shared gets sums down the columns. A task is a strip of columns of one group, whose rows it adds in order.
#include "kernel_table.h"

#include <math.h>

enum {
  strip = 64,         // columns of a task
  rows_at_once = 64,  // summed by themselves before they are added to those before: thousands of small numbers
};

typedef enum { GATE, RMS_NORM, LAYER_NORM } kind;

typedef struct {
  dk_engine *engine;
  kind kind;
  long rows, columns;
  dk_rows x, dy, dx;  // of a gate: branch, dy, d_branch
  float eps;
  const float *weight;
  const float *scale;  // of a norm, or the gate
  long stride;         // from group to group of scale, sums and products
  long rows_per_group, groups;
  float *sums, *products;  // of dy, and of dy with what it was multiplied by; NULL: not wanted
  row_moments *moments;    // [rows], where products of a norm are wanted
} job;

DK_INLINE long group_of(const job *j, long row) { return row / j->rows_per_group * j->stride; }
DK_INLINE long end_of(const job *j, long group) { return dk_min(j->rows, (group + 1) * j->rows_per_group); }
DK_INLINE const float *scale_of(const job *j, long row) { return j->scale ? j->scale + group_of(j, row) : NULL; }
// What the sums of products are multiplied by in the end.
DK_INLINE const float *product_weight(const job *j) { return j->kind == LAYER_NORM ? j->weight : NULL; }

// ---------------------------------------------------------------- reference

typedef struct {
  double mean, factor;
} exact_moments;

static exact_moments find_moments(const job *j, long row) {
  exact_moments m = {0, 1};
  const void *x = dk_row(j->x, row);
  const double n = (double)j->columns;
  if (j->kind == GATE) return m;
  double sum = 0, squares = 0;
  for (long i = 0; i < j->columns; i++) sum += dk_get(j->x.type, x, i);
  if (j->kind == LAYER_NORM) m.mean = sum / n;
  for (long i = 0; i < j->columns; i++) squares += pow(dk_get(j->x.type, x, i) - m.mean, 2);
  m.factor = 1 / sqrt(squares / n + j->eps);
  return m;
}

static void row_reference(const job *j, exact_moments m, long row) {
  const void *x = dk_row(j->x, row);
  const float *dy = dk_row(j->dy, row), *scale = scale_of(j, row);
  float *dx = dk_row(j->dx, row);
  double g_mean = 0, product_mean = 0;
  for (int pass = 0; pass < 2; pass++)
    for (long i = 0; i < j->columns; i++) {
      double g = dy[i], h = j->kind == GATE ? 0 : (dk_get(j->x.type, x, i) - m.mean) * m.factor;
      if (scale) g *= j->kind == GATE ? scale[i] : 1.0 + scale[i];
      if (j->weight) g *= j->weight[i];
      if (pass == 1) dx[i] = (float)(dx[i] + m.factor * (g - g_mean - h * product_mean));
      else if (j->kind != GATE) {
        if (j->kind == LAYER_NORM) g_mean += g / (double)j->columns;
        product_mean += g * h / (double)j->columns;
      }
    }
}

static dk_status gradients_by_definition(const job *j) {
  exact_moments *moments = dk_allocate((size_t)j->rows * sizeof *moments);
  if (!moments) return DK_OUT_OF_MEMORY;
  for (long row = 0; row < j->rows; row++) moments[row] = find_moments(j, row);
  for (long row = 0; row < j->rows; row++) row_reference(j, moments[row], row);
  for (long group = 0; group < j->groups; group++)
    for (long i = 0; i < j->columns; i++) {
      double sum = 0, product = 0;
      for (long row = group * j->rows_per_group; row < end_of(j, group); row++) {
        const double dy = ((const float *)dk_row(j->dy, row))[i];
        sum += dy;
        if (j->products) product += dy * (dk_get(j->x.type, dk_row(j->x, row), i) - moments[row].mean) * moments[row].factor;
      }
      const long at = group * j->stride + i;
      if (product_weight(j)) product *= product_weight(j)[i];
      if (j->sums) j->sums[at] = (float)(j->sums[at] + sum);
      if (j->products) j->products[at] = (float)(j->products[at] + product);
    }
  dk_free(moments);
  return DK_OK;
}

// ---------------------------------------------------------------- native

static void row_gradient(const job *j, long row) {
  const dk_kernels *kernels = j->engine->kernels;
  const void *x = dk_row(j->x, row);
  const float *dy = dk_row(j->dy, row), *scale = scale_of(j, row);
  float *dx = dk_row(j->dx, row);
  row_moments own, *moments = j->moments ? j->moments + row : &own;
  switch (j->kind) {
    case LAYER_NORM:
      kernels->layer_norm_gradient_row(j->columns, j->x.type, x, j->eps, j->weight, scale, dy, dx, moments);
      break;
    case RMS_NORM: kernels->rms_norm_gradient_row(j->columns, j->x.type, x, j->weight, j->eps, dy, dx, moments); break;
    case GATE:
      kernels->elementwise_row(scale ? DK_MULTIPLY_ADD : DK_ADD, DK_ACT_NONE, j->columns, DK_F32, scale ? scale : dx, DK_F32, dy,
                               DK_F32, dx);
      break;
  }
}

DK_INLINE long rows_per_task(const job *j) { return dk_max(1, 8192 / j->columns); }

static void rows_task(void *context, long task, int thread) {
  (void)thread;
  const job *j = context;
  const long end = dk_min(j->rows, (task + 1) * rows_per_task(j));
  for (long row = task * rows_per_task(j); row < end; row++) row_gradient(j, row);
}

static void columns_task(void *context, long task, int thread) {
  (void)thread;
  const job *j = context;
  const long strips = dk_ceil_div(j->columns, strip), group = task / strips, column = task % strips * strip;
  const long at = group * j->stride + column;
  for (long row = group * j->rows_per_group; row < end_of(j, group); row += rows_at_once) {
    dk_rows x = j->x;
    x.data = (char *)dk_row(j->x, row) + column * (long)dk_type_size(x.type);
    j->engine->kernels->sum_columns(
      dk_min(rows_at_once, end_of(j, group) - row), dk_min(strip, j->columns - column),
      (const float *)dk_row(j->dy, row) + column, j->dy.stride, x, j->moments ? j->moments + row : NULL,
      product_weight(j) ? product_weight(j) + column : NULL, j->sums ? j->sums + at : NULL, j->products ? j->products + at : NULL);
  }
}

static dk_status gradients(job j) {
  if (j.rows <= 0 || j.columns <= 0) return DK_OK;
  if (j.rows_per_group <= 0) j.rows_per_group = j.rows, j.stride = 0;
  j.groups = dk_ceil_div(j.rows, j.rows_per_group);
  if (j.engine->backend == DK_BACKEND_REFERENCE) return gradients_by_definition(&j);
  if (j.products && j.kind != GATE) {
    j.moments = dk_allocate((size_t)j.rows * sizeof *j.moments);
    if (!j.moments) return DK_OUT_OF_MEMORY;
  }
  dk_status status = dk_parallel(j.engine, 0, dk_ceil_div(j.rows, rows_per_task(&j)), rows_task, &j);
  if (status == DK_OK && (j.sums || j.products))
    status = dk_parallel(j.engine, 0, j.groups * dk_ceil_div(j.columns, strip), columns_task, &j);
  dk_free(j.moments);
  return status;
}

// ---------------------------------------------------------------- the functions of CKernels.h

dk_status dk_layer_norm_gradient(dk_engine *engine, long rows, long columns, dk_rows x,
                                 const dk_layer_norm_gradient_arguments *a, dk_rows dy, dk_rows dx) {
  return gradients((job){.engine = engine, .kind = LAYER_NORM, .rows = rows, .columns = columns, .x = x, .dy = dy, .dx = dx,
                         .eps = a->eps, .weight = a->weight, .scale = a->scale, .stride = a->modulation_stride,
                         .rows_per_group = a->rows_per_group, .sums = a->d_shift, .products = a->d_scale});
}

dk_status dk_rms_norm_gradient(dk_engine *engine, long rows, long columns, dk_rows x, const float *weight, float eps,
                               dk_rows dy, dk_rows dx, float *d_weight) {
  return gradients((job){.engine = engine, .kind = RMS_NORM, .rows = rows, .columns = columns, .x = x, .dy = dy, .dx = dx,
                         .eps = eps, .weight = weight, .products = d_weight});
}

dk_status dk_gate_gradient(dk_engine *engine, long rows, long columns, dk_rows dy, const float *gate, long gate_stride,
                           long rows_per_group, dk_rows branch, dk_rows d_branch, float *d_gate) {
  return gradients((job){.engine = engine, .kind = GATE, .rows = rows, .columns = columns, .x = branch, .dy = dy,
                         .dx = d_branch, .scale = gate, .stride = gate_stride, .rows_per_group = rows_per_group,
                         .products = d_gate});
}
