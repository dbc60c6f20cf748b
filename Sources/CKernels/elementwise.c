// Activations, gated products and sums, one number at a time.
#include "kernel_table.h"

typedef struct {
  dk_engine *engine;
  dk_operation operation;
  dk_activation activation;
  long rows, columns;
  long rows_per_task;
  dk_rows a, b, out;
} elementwise_job;

// ---------------------------------------------------------------- reference

static void elementwise_reference(const elementwise_job *job) {
  for (long row = 0; row < job->rows; row++)
    for (long i = 0; i < job->columns; i++) {
      double value = dk_get(job->a.type, dk_row(job->a, row), i);
      double other = job->operation == DK_ACTIVATE ? 0 : dk_get(job->b.type, dk_row(job->b, row), i);
      if (job->operation == DK_ADD) value += other;
      else value = dk_activate_exactly(job->activation, value);
      if (job->operation == DK_ACTIVATE_MULTIPLY) value *= other;
      dk_put(job->out.type, dk_row(job->out, row), i, (float)value);
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
