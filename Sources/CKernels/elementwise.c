// Activations, gated products and sums, one number at a time; and the gradients of these.
#include "kernel_table.h"

#include <math.h>

typedef struct {
  dk_engine *engine;
  dk_operation operation;
  dk_activation activation;
  long rows, columns;
  long rows_per_task;
  dk_rows a, b, out;
} elementwise_job;

// ---------------------------------------------------------------- reference

// act'(x)
static double slope(dk_activation activation, double x) {
  switch (activation) {
    case DK_ACT_GELU_TANH: {
      const double c = 0.7978845608028654, t = tanh(c * (x + 0.044715 * x * x * x));
      return (1 + t) / 2 + x / 2 * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x);
    }
    case DK_ACT_GELU_ERF: return 0.5 * (1 + erf(x * 0.7071067811865476)) + x * exp(-x * x / 2) * 0.3989422804014327;
    case DK_ACT_GELU_QUICK:
    case DK_ACT_SILU: {
      const double factor = activation == DK_ACT_SILU ? 1 : 1.702, sigma = 1 / (1 + exp(-factor * x));
      return sigma + factor * x * sigma * (1 - sigma);
    }
    case DK_ACT_RELU: return x > 0 ? 1 : 0;
    case DK_ACT_NONE: return 1;
  }
  return 1;
}

static double combined(const elementwise_job *job, double a, double b, double before) {
  switch (job->operation) {
    case DK_ACTIVATE: return dk_activate_exactly(job->activation, a);
    case DK_ACTIVATE_MULTIPLY: return dk_activate_exactly(job->activation, a) * b;
    case DK_ADD: return a + b;
    case DK_MULTIPLY_ADD: return before + a * b;
    case DK_ACTIVATE_GRADIENT: return before + b * slope(job->activation, a);
  }
  return 0;
}

static void elementwise_reference(const elementwise_job *job) {
  for (long row = 0; row < job->rows; row++)
    for (long i = 0; i < job->columns; i++) {
      void *out = dk_row(job->out, row);
      const double a = dk_get(job->a.type, dk_row(job->a, row), i), b = dk_get(job->b.type, dk_row(job->b, row), i);
      dk_put(job->out.type, out, i, (float)combined(job, a, b, dk_get(job->out.type, out, i)));
    }
}

// ---------------------------------------------------------------- native

static void elementwise_task(void *context, long task, int thread) {
  (void)thread;
  const elementwise_job *job = context;
  long end = dk_min(job->rows, (task + 1) * job->rows_per_task);
  for (long row = task * job->rows_per_task; row < end; row++)
    job->engine->kernels->elementwise_row(job->operation, job->activation, job->columns, job->a.type, dk_row(job->a, row),
                                          job->b.type, dk_row(job->b, row), job->out.type, dk_row(job->out, row));
}

static dk_status elementwise(elementwise_job job) {
  enum { numbers_per_task = 16384 };
  if (job.rows <= 0 || job.columns <= 0) return DK_OK;
  if (job.engine->backend == DK_BACKEND_REFERENCE) {
    elementwise_reference(&job);
    return DK_OK;
  }
  long total = job.rows * job.columns, left = 0;
  if (job.a.stride == job.columns && job.b.stride == job.columns && job.out.stride == job.columns) {
    // Dense: cut into long rows, whatever the shape was (an RGB picture has 3 columns).
    job.columns = job.a.stride = job.b.stride = job.out.stride = dk_min(total, numbers_per_task);
    job.rows = total / job.columns;
    left = total % job.columns;
  }
  job.rows_per_task = dk_max(1, numbers_per_task / job.columns);
  const dk_status status = dk_parallel(job.engine, 0, dk_ceil_div(job.rows, job.rows_per_task), elementwise_task, &job);
  if (status == DK_OK && left) {
    elementwise_job rest = job;
    rest.a.data = dk_row(job.a, job.rows);
    rest.b.data = dk_row(job.b, job.rows);
    rest.out.data = dk_row(job.out, job.rows);
    rest.rows = 1;
    rest.columns = left;
    elementwise_task(&rest, 0, 0);
  }
  return status;
}

dk_status dk_activate(dk_engine *engine, dk_activation activation, long rows, long columns, dk_rows x, dk_rows out) {
  return elementwise((elementwise_job){engine, DK_ACTIVATE, activation, rows, columns, 0, x, x, out});
}

dk_status dk_activate_multiply(dk_engine *engine, dk_activation activation, long rows, long columns, dk_rows a, dk_rows b,
                               dk_rows out) {
  return elementwise((elementwise_job){engine, DK_ACTIVATE_MULTIPLY, activation, rows, columns, 0, a, b, out});
}

dk_status dk_add(dk_engine *engine, long rows, long columns, dk_rows x, dk_rows y, dk_rows out) {
  return elementwise((elementwise_job){engine, DK_ADD, DK_ACT_NONE, rows, columns, 0, x, y, out});
}

dk_status dk_multiply_add(dk_engine *engine, long rows, long columns, dk_rows a, dk_rows b, dk_rows out) {
  return elementwise((elementwise_job){engine, DK_MULTIPLY_ADD, DK_ACT_NONE, rows, columns, 0, a, b, out});
}

dk_status dk_activate_gradient(dk_engine *engine, dk_activation activation, long rows, long columns, dk_rows x, dk_rows dy,
                               dk_rows dx) {
  return elementwise((elementwise_job){engine, DK_ACTIVATE_GRADIENT, activation, rows, columns, 0, x, dy, dx});
}
