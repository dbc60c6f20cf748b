// Packed matrix products: y = act(x Wᵀ + b), with the slow reference at the end.
#include "kernels.h"

#include <math.h>

struct dk_weight {
  dk_weight_kind kind;
  long n, k;
  float *dense;  // [n][k]: reference and OpenBLAS
};

double dk_activate_exactly(dk_activation activation, double x) {
  switch (activation) {
    case DK_ACT_GELU_TANH: return 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
    case DK_ACT_GELU_ERF: return 0.5 * x * (1 + erf(x * 0.7071067811865476));
    case DK_ACT_SILU: return x / (1 + exp(-x));
    case DK_ACT_RELU: return x > 0 ? x : (x == x ? 0 : x);
    default: return x;
  }
}

static long stored_size(dk_stored type) {
  return type == DK_STORED_F64 ? 8 : type == DK_STORED_F32 ? 4 : type == DK_STORED_I8 ? 1 : 2;
}

// Row `row` of the stacked sources as float32.
static void read_row(const dk_source *sources, long row, long k, float *to) {
  while (row >= sources->rows) row -= sources++->rows;
  const char *from = (const char *)sources->data + row * k * stored_size(sources->type);
  if (sources->type == DK_STORED_I8) dk_i8_to_f32((const int8_t *)from, sources->scales[row], k, to);
  else dk_to_f32(sources->type, from, k, to);
}

dk_weight *dk_weight_pack(dk_engine *engine, dk_weight_kind kind, long n, long k, const dk_source *sources, int count) {
  (void)engine, (void)count;
  dk_weight *weight = calloc(1, sizeof *weight);
  float *dense = dk_allocate((size_t)(n * k) * sizeof(float));
  int8_t *levels = malloc((size_t)k);
  if (weight && dense && levels) {
    *weight = (dk_weight){kind, n, k, dense};
    for (long row = 0; row < n; row++) {
      float *to = dense + row * k;
      read_row(sources, row, k, to);
      if (kind == DK_WEIGHT_BF16)
        for (long i = 0; i < k; i++) to[i] = dk_bf16_to_f32(dk_f32_to_bf16(to[i]));
      if (kind == DK_WEIGHT_INT8) {
        float scale = dk_f32_to_i8(to, k, levels);
        dk_i8_to_f32(levels, scale, k, to);
      }
    }
    free(levels);
    return weight;
  }
  free(levels);
  free(dense);
  free(weight);
  return NULL;
}

void dk_weight_free(dk_weight *weight) {
  if (!weight) return;
  free(weight->dense);
  free(weight);
}

size_t dk_weight_bytes(const dk_weight *weight) { return (size_t)(weight->n * weight->k) * sizeof(float); }

// ---------------------------------------------------------------- reference

typedef struct {
  dk_rows x, out;
  const dk_weight *weight;
  const dk_epilogue *epilogue;
} reference_job;

static void reference_row(void *context, long row, int thread) {
  (void)thread;
  const reference_job *job = context;
  const dk_epilogue *e = job->epilogue;
  long k = job->weight->k;
  const void *x = dk_row(job->x, row);
  void *out = dk_row(job->out, row);
  for (long j = 0; j < job->weight->n; j++) {
    double sum = 0;
    for (long i = 0; i < k; i++) sum += (double)dk_get(job->x.type, x, i) * job->weight->dense[j * k + i];
    if (e && e->bias) sum += e->bias[j];
    if (e) sum = dk_activate_exactly(e->activation, sum);
    if (e && e->residual) {
      double gate = e->gate ? e->gate[row / e->rows_per_group * e->gate_stride + j] : 1;
      sum = dk_get(job->out.type, out, j) + gate * sum;
    }
    dk_put(job->out.type, out, j, (float)sum);
  }
}

void dk_linear(dk_engine *engine, long m, dk_rows x, const dk_weight *weight, const dk_epilogue *epilogue, dk_rows out) {
  reference_job job = {x, out, weight, epilogue};
  dk_parallel(engine, m, reference_row, &job);
}
