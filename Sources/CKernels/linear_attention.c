// Attention by a ReLU kernel instead of softmax (Katharopoulos et al., arXiv 2006.16236; with ReLU EfficientViT, arXiv
// 2205.14756, and SANA, arXiv 2410.10629): the order of the products is free, so that keys and values become one small matrix
// a head, and the work grows with the tokens, not with their square.
#include "kernel_table.h"

typedef dk_linear_attention_arguments arguments;

enum {
  keys_at_once = 64,  // summed by themselves before they are added to those before: thousands of small numbers
  lanes = 16,         // of the widest vectors
};

typedef struct {
  dk_engine *engine;
  const arguments *a;
  long padded;  // columns of the small matrix: a head's values, a 1 for the sum of weights, zeros
} linear_attention_job;

DK_INLINE float positive(float x) { return x < 0 ? 0 : x; }  // NaN stays NaN

// ---------------------------------------------------------------- reference

static dk_status attend_by_definition(const arguments *a) {
  const long d = a->head_dim;
  double *sums = dk_allocate((size_t)(d * (d + 1)) * sizeof *sums);  // [k][v and 1]
  if (!sums) return DK_OUT_OF_MEMORY;
  for (long task = 0; task < a->batch * a->heads; task++) {
    const long row = task / a->heads * a->tokens, start = task % a->heads * d;
    for (long i = 0; i < d; i++)
      for (long j = 0; j <= d; j++) {
        double sum = 0;
        for (long n = row; n < row + a->tokens; n++) {
          const double value = j < d ? dk_get(a->v.type, dk_row(a->v, n), start + j) : 1;
          sum += positive(dk_get(a->k.type, dk_row(a->k, n), start + i)) * value;
        }
        sums[i * (d + 1) + j] = sum;
      }
    for (long n = row; n < row + a->tokens; n++) {
      double weight = a->eps;
      for (long i = 0; i < d; i++)
        weight += positive(dk_get(a->q.type, dk_row(a->q, n), start + i)) * sums[i * (d + 1) + d];
      for (long j = 0; j < d; j++) {
        double sum = 0;
        for (long i = 0; i < d; i++)
          sum += positive(dk_get(a->q.type, dk_row(a->q, n), start + i)) * sums[i * (d + 1) + j];
        dk_put(a->out.type, dk_row(a->out, n), start + j, (float)(sum / weight));
      }
    }
  }
  dk_free(sums);
  return DK_OK;
}

// ---------------------------------------------------------------- native

// Numbers of a head in `count` rows as float32, [count][to_stride].
static void read_head(const dk_kernels *kernels, dk_rows rows, long row, long count, long start, long d, float *to,
                      long to_stride) {
  for (long i = 0; i < count; i++) {
    const char *from = (const char *)dk_row(rows, row + i) + start * (long)dk_type_size(rows.type);
    kernels->widen_row(rows.type, from, d, to + i * to_stride);
  }
}

static void linear_attention_task(void *context, long task, int thread) {
  const linear_attention_job *job = context;
  const arguments *a = job->a;
  const dk_kernels *kernels = job->engine->kernels;
  const long d = a->head_dim, padded = job->padded, row = task / a->heads * a->tokens, start = task % a->heads * d;
  float *sums = dk_scratch(job->engine, thread);  // [d][padded]
  float *wide = sums + d * padded;                // [keys_at_once][padded]: values and 1, or what comes out
  float *narrow = wide + keys_at_once * padded;   // [keys_at_once][d]: keys or queries
  memset(sums, 0, (size_t)(d * padded) * 4);
  memset(wide, 0, (size_t)(keys_at_once * padded) * 4);
  for (long i = 0; i < keys_at_once; i++) wide[i * padded + d] = 1;
  for (long n = 0; n < a->tokens; n += keys_at_once) {
    const long count = dk_min(keys_at_once, a->tokens - n);
    read_head(kernels, a->k, row + n, count, start, d, narrow, d);
    read_head(kernels, a->v, row + n, count, start, d, wide, padded);
    for (long i = 0; i < count * d; i++) narrow[i] = positive(narrow[i]);
    kernels->small_product(d, padded, count, narrow, 1, d, wide, padded, sums, padded, 1);
  }
  for (long n = 0; n < a->tokens; n += keys_at_once) {
    const long count = dk_min(keys_at_once, a->tokens - n);
    read_head(kernels, a->q, row + n, count, start, d, narrow, d);
    for (long i = 0; i < count * d; i++) narrow[i] = positive(narrow[i]);
    kernels->small_product(count, padded, d, narrow, d, 1, sums, padded, wide, padded, 0);
    for (long i = 0; i < count; i++) {
      float *numbers = wide + i * padded;
      const float weight = numbers[d] + a->eps;
      for (long j = 0; j < d; j++) numbers[j] /= weight;
      char *to = (char *)dk_row(a->out, row + n + i) + start * (long)dk_type_size(a->out.type);
      kernels->elementwise_row(DK_ACTIVATE, DK_ACT_NONE, d, DK_F32, numbers, DK_F32, numbers, a->out.type, to);
    }
  }
}

dk_status dk_linear_attention(dk_engine *engine, const dk_linear_attention_arguments *a) {
  if (a->batch <= 0 || a->heads <= 0 || a->tokens <= 0 || a->head_dim <= 0) return DK_OK;
  if (engine->backend == DK_BACKEND_REFERENCE) return attend_by_definition(a);
  linear_attention_job job = {engine, a, dk_ceil_div(a->head_dim + 1, lanes) * lanes};
  const size_t numbers = (size_t)(a->head_dim * job.padded + keys_at_once * (job.padded + a->head_dim));
  return dk_parallel(engine, numbers * 4, a->batch * a->heads, linear_attention_task, &job);
}
