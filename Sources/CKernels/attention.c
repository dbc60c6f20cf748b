// softmax(scale q kᵀ + bias) v, for all heads of all pictures.
#include "simd.h"

#include <math.h>

// ---------------------------------------------------------------- reference

typedef dk_attention_arguments arguments;

static int attends(const arguments *a, long item, long key) {
  if (a->key_count && key >= a->key_count[item]) return 0;
  return !a->key_mask || a->key_mask[item * a->keys + key];
}

static void attention_reference(const arguments *a) {
  double *weights = calloc((size_t)a->keys, sizeof *weights);
  if (!weights) return;
  for (long b = 0; b < a->batch; b++)
    for (long h = 0; h < a->heads; h++)
      for (long i = 0; i < a->queries; i++) {
        long item = a->key_item ? a->key_item[b] : b, start = h * a->head_dim;
        double largest = -INFINITY, sum = 0;
        for (long j = 0; j < a->keys; j++) {
          if (!attends(a, item, j)) continue;
          double dot = 0;
          for (long d = start; d < start + a->head_dim; d++)
            dot += (double)dk_get(a->q.type, dk_row(a->q, b * a->queries + i), d) *
                   dk_get(a->k.type, dk_row(a->k, item * a->keys + j), d);
          weights[j] = dot * a->scale + (a->bias ? a->bias[(h * a->queries + i) * a->keys + j] : 0);
          largest = fmax(largest, weights[j]);
        }
        for (long j = 0; j < a->keys; j++) {
          weights[j] = attends(a, item, j) ? exp(weights[j] - largest) : 0;
          sum += weights[j];
        }
        for (long d = start; d < start + a->head_dim; d++) {
          double y = 0;
          for (long j = 0; j < a->keys; j++)
            if (attends(a, item, j)) y += weights[j] / sum * dk_get(a->v.type, dk_row(a->v, item * a->keys + j), d);
          dk_put(a->out.type, dk_row(a->out, b * a->queries + i), d, (float)y);
        }
        if (a->probabilities)
          for (long j = 0; j < a->keys; j++)
            a->probabilities[(b * a->queries + i) * a->keys + j] += (float)(weights[j] / sum / (double)a->heads);
      }
  free(weights);
}

void dk_attention(dk_engine *engine, const dk_attention_arguments *arguments) {
  (void)engine;
  attention_reference(arguments);
}
