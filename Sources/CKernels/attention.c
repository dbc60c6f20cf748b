// softmax(cap(scale q kᵀ) + bias) v, for all heads of all pictures. Memory grows with the tokens, not with their square.
#include "kernel_table.h"

#include <math.h>

typedef dk_attention_arguments arguments;

// ---------------------------------------------------------------- reference

static int attends(const arguments *a, long item, long key) {
  if (a->key_count && key >= a->key_count[item]) return 0;
  return !a->key_mask || a->key_mask[item * a->keys + key];
}

static dk_status attention_reference(const arguments *a) {
  double *weights = dk_allocate_zeroed((size_t)a->keys * sizeof *weights);
  if (!weights) return DK_OUT_OF_MEMORY;
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
          dot *= a->scale;
          if (a->cap > 0) dot = a->cap * tanh(dot / a->cap);
          weights[j] = dot + (a->bias ? a->bias[(h * a->queries + i) * a->keys + j] : 0);
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
  dk_free(weights);
  return DK_OK;
}

// ---------------------------------------------------------------- native: a task is a block of queries

typedef struct {
  dk_engine *engine;
  const arguments *a;
  long tasks;   // of one picture (and head)
  long blocks;  // of queries of a task
} attention_job;

static size_t workspace_bytes(const arguments *a) {
  size_t width = (size_t)a->head_dim + 4;
  size_t numbers = width * (2 * most_blocks * query_block + 2 * key_block + 6) + (size_t)key_block * query_block + (size_t)a->keys;
  return most_blocks * sizeof(workspace) + numbers * 4 + (2 * most_blocks + 8) * 64;
}

static workspace *lay_out(const arguments *a, void *memory) {
  workspace *w = memory;
  char *at = (char *)memory + most_blocks * sizeof *w;
  size_t width = (size_t)a->head_dim + 4;
#define TAKE(count) (at = (char *)(((uintptr_t)at + 63) & ~(uintptr_t)63), at += (size_t)(count) * 4, (void *)(at - (size_t)(count) * 4))
  w->scores = TAKE(key_block * query_block);
  w->keys = TAKE(width * key_block);
  w->values = TAKE(width * key_block);
  w->rows = TAKE(width * 4);
  w->value_levels = TAKE(width);
  w->value_worth = TAKE(width);
  w->list = TAKE(a->keys);
  for (long b = 0; b < most_blocks; b++) {
    w[b] = *w;
    w[b].queries = TAKE(width * query_block);
    w[b].mixed = TAKE(width * query_block);
  }
#undef TAKE
  return w;
}

void dk_choose_keys(const arguments *a, long item, int32_t *list, block *at) {
  at->key_row = item * a->keys;
  at->keys = a->key_count ? dk_min(a->keys, a->key_count[item]) : a->keys;
  at->list = NULL;
  if (!a->key_mask) return;
  long count = 0, last = -1;
  for (long j = 0; j < at->keys; j++)
    if (a->key_mask[at->key_row + j]) {
      list[count++] = (int32_t)j;
      last = j;
    }
  if (last + 1 != count) at->list = list;
  at->keys = count;
}

// OpenBLAS: all scores of the block at once, a row of scores a query.
static void attend_by_sgemm(const dk_engine *engine, const arguments *a, const block *at, float *scores, float *copies) {
  enum { row_major = 101, plain = 111, transposed = 112 };
  int count = (int)at->count, keys = (int)at->keys, n = (int)a->head_dim;
  const float *q = (float *)dk_row(a->q, at->row) + at->start;
  const float *k = (float *)dk_row(a->k, at->key_row) + at->start, *v = (float *)dk_row(a->v, at->key_row) + at->start;
  int k_stride = (int)a->k.stride, v_stride = (int)a->v.stride;
  if (at->list) {  // bring the keys that are not masked together
    k = copies, v = copies + at->keys * n;
    k_stride = v_stride = n;
    for (long j = 0; j < at->keys; j++) {
      memcpy(copies + j * n, (float *)dk_row(a->k, key_row(at, j)) + at->start, (size_t)n * 4);
      memcpy(copies + (at->keys + j) * n, (float *)dk_row(a->v, key_row(at, j)) + at->start, (size_t)n * 4);
    }
  }
  engine->sgemm(row_major, plain, transposed, count, keys, n, a->scale, q, (int)a->q.stride, k, k_stride, 0,
                scores, keys);
  for (long i = 0; i < count; i++) {
    float *row = scores + i * keys;
    const float *bias = a->bias ? a->bias + (at->head * a->queries + at->query + i) * a->keys : NULL;
    for (long j = 0; a->cap > 0 && j < keys; j++) row[j] = a->cap * tanhf(row[j] / a->cap);
    for (long j = 0; bias && j < keys; j++) row[j] += bias[at->list ? at->list[j] : j];
    engine->kernels->softmax_row(row, keys);
    float *map = a->probabilities ? a->probabilities + (at->row + i) * a->keys : NULL;
    for (long j = 0; map && j < keys; j++) map[at->list ? at->list[j] : j] += row[j] / (float)a->heads;
  }
  engine->sgemm(row_major, plain, plain, count, n, keys, 1, scores, keys, v, v_stride, 0,
                (float *)dk_row(a->out, at->row) + at->start, (int)a->out.stride);
}

static int by_sgemm(const dk_engine *engine, const arguments *a) {
  return engine->backend == DK_BACKEND_OPENBLAS && engine->sgemm && a->q.type == DK_F32;
}

static void attention_task(void *context, long task, int thread) {
  const attention_job *job = context;
  const dk_engine *engine = job->engine;
  const arguments *a = job->a;
  void *memory = dk_scratch(engine, thread);
  workspace *w = lay_out(a, memory);
  // With a map of probabilities the heads add to one place, so they stay in one task and in order.
  long heads = a->probabilities ? a->heads : 1, first = a->probabilities ? 0 : task / job->tasks % a->heads;
  long b = a->probabilities ? task / job->tasks : task / job->tasks / a->heads;
  long query = task % job->tasks * job->blocks * query_block;
  block all = {0};
  dk_choose_keys(a, a->key_item ? a->key_item[b] : b, w->list, &all);
  for (all.head = first; all.head < first + heads; all.head++) {
    all.start = all.head * a->head_dim;
    block at[most_blocks];
    long blocks = 0;
    for (; blocks < job->blocks && query + blocks * query_block < a->queries; blocks++) {
      at[blocks] = all;
      at[blocks].query = query + blocks * query_block;
      at[blocks].row = b * a->queries + at[blocks].query;
      at[blocks].count = dk_min(query_block, a->queries - at[blocks].query);
    }
    float *scores = (float *)((char *)memory + workspace_bytes(a)), *copies = scores + a->keys * query_block;
    if (!by_sgemm(engine, a)) engine->kernels->attend[a->levels ? 2 : a->q.type](a, at, w, blocks);
    else for (long i = 0; i < blocks; i++) attend_by_sgemm(engine, a, &at[i], scores, copies);
  }
}

dk_status dk_attention_by_blocks(dk_engine *engine, const dk_attention_arguments *a) {
  const long blocks = dk_ceil_div(a->queries, query_block), rest = a->batch * (a->probabilities ? 1 : a->heads);
  // As many blocks a task as leave every thread some tasks, so that one that is held up does not hold up all.
  attention_job job = {engine, a, blocks, 1};
  while (job.blocks < most_blocks && rest * dk_ceil_div(blocks, 2 * job.blocks) >= 6 * engine->threads) {
    job.blocks *= 2;
    job.tasks = dk_ceil_div(blocks, job.blocks);
  }
  const size_t more = by_sgemm(engine, a) ? (size_t)a->keys * (query_block + 2 * (size_t)a->head_dim) * 4 : 0;
  return dk_parallel(engine, workspace_bytes(a) + more, rest * job.tasks, attention_task, &job);
}

dk_status dk_attention(dk_engine *engine, const dk_attention_arguments *a) {
  if (a->batch <= 0 || a->queries <= 0 || a->keys <= 0) return DK_OK;
  if (engine->backend == DK_BACKEND_REFERENCE) return attention_reference(a);
  if (engine->backend == DK_BACKEND_OPENBLAS) return dk_attention_by_blocks(engine, a);
  return engine->kernels->attention(engine, a);
}
