// Fewer keys and values: a depthwise convolution of patches of tokens, then a layer norm (PixArt-Σ, arXiv 2403.04692, 3.3).
#include "kernel_table.h"

#include <math.h>

typedef dk_compression_arguments arguments;

typedef struct {
  dk_engine *engine;
  const arguments *a;
  long height, width;  // of the compressed tokens
  long tokens, tokens_per_task;  // compressed ones of all pictures
  dk_rows x, out;
} compression_job;

// The first token of a compressed one's patch.
static dk_rows patch(const compression_job *job, long token) {
  const arguments *a = job->a;
  long picture = token / (job->height * job->width), place = token % (job->height * job->width);
  long row = place / job->width * a->factor, column = place % job->width * a->factor;
  dk_rows x = job->x;
  x.data = dk_row(job->x, (picture * a->height + row) * a->width + column);
  return x;
}

// ---------------------------------------------------------------- reference

static dk_status compress_by_definition(const compression_job *job) {
  const arguments *a = job->a;
  double *sums = dk_allocate_zeroed((size_t)a->columns * sizeof *sums);
  if (!sums) return DK_OUT_OF_MEMORY;
  for (long token = 0; token < job->tokens; token++) {
    const dk_rows x = patch(job, token);
    double mean = 0, variance = 0;
    for (long c = 0; c < a->columns; c++) {
      sums[c] = a->bias[c];
      for (long y = 0; y < a->factor; y++)
        for (long i = 0; i < a->factor; i++)
          sums[c] += (double)a->weight[(y * a->factor + i) * a->columns + c] * dk_get(x.type, dk_row(x, y * a->width + i), c);
      mean += sums[c] / (double)a->columns;
    }
    for (long c = 0; c < a->columns; c++) variance += pow(sums[c] - mean, 2) / (double)a->columns;
    for (long c = 0; c < a->columns; c++) {
      double normal = (sums[c] - mean) / sqrt(variance + a->eps);
      dk_put(job->out.type, dk_row(job->out, token), c, (float)(normal * a->norm_weight[c] + a->norm_bias[c]));
    }
  }
  dk_free(sums);
  return DK_OK;
}

// ---------------------------------------------------------------- native

static void compression_task(void *context, long task, int thread) {
  const compression_job *job = context;
  const arguments *a = job->a;
  const dk_kernels *kernels = job->engine->kernels;
  float *sums = dk_scratch(job->engine, thread);
  long end = dk_min(job->tokens, (task + 1) * job->tokens_per_task);
  for (long token = task * job->tokens_per_task; token < end; token++) {
    kernels->sum_patch(a->factor, a->width, a->columns, patch(job, token), a->weight, a->bias, sums);
    kernels->layer_norm_row(a->columns, DK_F32, sums, a->eps, a->norm_weight, a->norm_bias, NULL, NULL, job->out.type,
                            dk_row(job->out, token));
  }
}

dk_status dk_compress(dk_engine *engine, const dk_compression_arguments *a, dk_rows x, dk_rows out) {
  compression_job job = {engine, a, a->height / a->factor, a->width / a->factor, 0, 0, x, out};
  job.tokens = a->batch * job.height * job.width;
  if (job.tokens <= 0 || a->columns <= 0) return DK_OK;
  if (engine->backend == DK_BACKEND_REFERENCE) return compress_by_definition(&job);
  job.tokens_per_task = dk_max(1, 8192 / (a->columns * a->factor * a->factor));
  return dk_parallel(engine, (size_t)a->columns * 4, dk_ceil_div(job.tokens, job.tokens_per_task), compression_task, &job);
}
