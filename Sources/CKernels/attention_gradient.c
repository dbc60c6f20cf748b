// The gradient of attention: with P = softmax(scale q kᵀ + bias) and o = P v,
//
//     dv = Pᵀ do      dP = do vᵀ      dS = P · (dP - Σ over keys of P · dP)      dq = scale dS k      dk = scale dSᵀ q
//
// A task is a head of an item: all pictures that read its keys, a block of queries after the other, so that sums over queries
// have one order. The weights of a block are computed again, for all of its keys at once; memory grows with the tokens.
#include "kernel_table.h"

#include <math.h>

typedef dk_attention_gradient_arguments arguments;

enum {
  queries_at_once = 48,
  lanes = 16,  // of the widest vectors
};

DK_INLINE long items_of(const dk_attention_arguments *a) {
  long items = a->key_item ? 0 : a->batch;
  for (long b = 0; a->key_item && b < a->batch; b++) items = dk_max(items, a->key_item[b] + 1);
  return items;
}
DK_INLINE int reads(const dk_attention_arguments *a, long b, long item) { return (a->key_item ? a->key_item[b] : b) == item; }
// Of a head that begins at column `start`.
DK_INLINE char *head_of(dk_rows rows, long row, long start) {
  return (char *)dk_row(rows, row) + start * (long)dk_type_size(rows.type);
}

// ---------------------------------------------------------------- reference

// One query of picture b; `sums` are dk and dv of all keys chosen.
static void query_by_definition(const arguments *g, const block *at, long b, long query, double *weights, double *slopes,
                                double *sums) {
  const dk_attention_arguments *a = &g->attention;
  const long d = a->head_dim, row = b * a->queries + query;
  const char *q = head_of(a->q, row, at->start);
  const float *d_out = (float *)head_of(g->d_out, row, at->start);
  double largest = -INFINITY, total = 0, mean = 0;
  for (long j = 0; j < at->keys; j++) {
    const char *k = head_of(a->k, key_row(at, j), at->start), *v = head_of(a->v, key_row(at, j), at->start);
    double score = 0;
    slopes[j] = 0;
    for (long i = 0; i < d; i++) {
      score += (double)dk_get(a->q.type, q, i) * dk_get(a->k.type, k, i);
      slopes[j] += (double)d_out[i] * dk_get(a->v.type, v, i);
    }
    const long key = at->list ? at->list[j] : j;
    weights[j] = score * a->scale + (a->bias ? a->bias[(at->head * a->queries + query) * a->keys + key] : 0);
    largest = fmax(largest, weights[j]);
  }
  for (long j = 0; j < at->keys; j++) total += weights[j] = exp(weights[j] - largest);
  for (long j = 0; j < at->keys; j++) mean += (weights[j] /= total) * slopes[j];
  for (long j = 0; j < at->keys; j++) slopes[j] = weights[j] * (slopes[j] - mean) * a->scale;
  float *d_q = (float *)head_of(g->d_q, row, at->start);
  for (long i = 0; i < d; i++) {
    double sum = 0;
    for (long j = 0; j < at->keys; j++) {
      sum += slopes[j] * dk_get(a->k.type, head_of(a->k, key_row(at, j), at->start), i);
      sums[2 * j * d + i] += slopes[j] * dk_get(a->q.type, q, i);
      sums[(2 * j + 1) * d + i] += weights[j] * d_out[i];
    }
    d_q[i] = (float)(d_q[i] + sum);
  }
}

static dk_status gradient_by_definition(const arguments *g) {
  const dk_attention_arguments *a = &g->attention;
  const long d = a->head_dim;
  const size_t sums_bytes = (size_t)(2 * a->keys * d) * sizeof(double);
  double *weights = dk_allocate(sums_bytes + (size_t)(2 * a->keys) * sizeof(double) + (size_t)a->keys * sizeof(int32_t));
  if (!weights) return DK_OUT_OF_MEMORY;
  double *slopes = weights + a->keys, *sums = slopes + a->keys;
  for (long task = 0; task < items_of(a) * a->heads; task++) {
    const long item = task / a->heads;
    block at = {.head = task % a->heads, .start = task % a->heads * d};
    dk_choose_keys(a, item, (int32_t *)(sums + 2 * a->keys * d), &at);
    memset(sums, 0, sums_bytes);
    for (long b = 0; b < a->batch; b++)
      for (long query = 0; query < a->queries && reads(a, b, item); query++)
        query_by_definition(g, &at, b, query, weights, slopes, sums);
    for (long j = 0; j < at.keys; j++) {
      float *d_k = (float *)head_of(g->d_k, key_row(&at, j), at.start), *d_v = (float *)head_of(g->d_v, key_row(&at, j), at.start);
      for (long i = 0; i < d; i++) {
        d_k[i] = (float)(d_k[i] + sums[2 * j * d + i]);
        d_v[i] = (float)(d_v[i] + sums[(2 * j + 1) * d + i]);
      }
    }
  }
  dk_free(weights);
  return DK_OK;
}

// ---------------------------------------------------------------- native

typedef struct {
  dk_engine *engine;
  const arguments *g;
  // Of rows of a head, and of rows of keys. Odd multiples of 16: rows a power of two apart would all fall into the same few
  // places of the nearest cache.
  long head_stride, key_stride;
} job;

// One thread's memory.
typedef struct {
  float *turned_keys, *turned_values;  // [head_dim][key_stride]
  float *keys, *d_keys, *d_values;     // [keys][head_stride]; keys · scale
  float *weights, *slopes;             // [queries_at_once][key_stride]: P, and dP or dS
  float *queries, *d_out, *d_queries;  // [queries_at_once][head_stride]; queries · scale
  int32_t *list;                       // [keys]
} workspace_of_gradient;

// Of each kind of array there.
DK_INLINE long of_turned(const job *j) { return j->g->attention.head_dim * j->key_stride; }
DK_INLINE long of_keys(const job *j) { return j->g->attention.keys * j->head_stride; }
DK_INLINE long of_scores(const job *j) { return queries_at_once * j->key_stride; }
DK_INLINE long of_queries(const job *j) { return queries_at_once * j->head_stride; }

static size_t workspace_bytes(const job *j) {
  return (size_t)(2 * of_turned(j) + 3 * of_keys(j) + 2 * of_scores(j) + 3 * of_queries(j) + j->g->attention.keys) * 4;
}

static workspace_of_gradient lay_out(const job *j, float *at) {
  workspace_of_gradient w;
#define TAKE(count) (at += (count), at - (count))
  w.turned_keys = TAKE(of_turned(j)), w.turned_values = TAKE(of_turned(j));
  w.keys = TAKE(of_keys(j)), w.d_keys = TAKE(of_keys(j)), w.d_values = TAKE(of_keys(j));
  w.weights = TAKE(of_scores(j)), w.slopes = TAKE(of_scores(j));
  w.queries = TAKE(of_queries(j)), w.d_out = TAKE(of_queries(j)), w.d_queries = TAKE(of_queries(j));
  w.list = (int32_t *)at;
#undef TAKE
  return w;
}

// A row of a head times `scale`, and zeros up to a multiple of 16.
static void read_row(const job *j, dk_rows rows, long row, long start, float scale, float *to) {
  const long d = j->g->attention.head_dim;
  j->engine->kernels->widen_row(rows.type, head_of(rows, row, start), d, to);
  for (long i = 0; i < d; i++) to[i] *= scale;
  for (long i = d; i < dk_ceil_div(d, lanes) * lanes; i++) to[i] = 0;
}

static void add_row(const job *j, const float *from, dk_rows rows, long row, long start) {
  float *to = (float *)head_of(rows, row, start);
  j->engine->kernels->elementwise_row(DK_ADD, DK_ACT_NONE, j->g->attention.head_dim, DK_F32, to, DK_F32, from, DK_F32, to);
}

// Columns of `rows` as rows, with zeros up to a multiple of 16.
static void turn(const job *j, const float *rows, long count, float *to) {
  for (long i = 0; i < j->g->attention.head_dim; i++, to += j->key_stride) {
    for (long r = 0; r < count; r++) to[r] = rows[r * j->head_stride + i];
    for (long r = count; r < dk_ceil_div(count, lanes) * lanes; r++) to[r] = 0;
  }
}

static void read_keys(const job *j, const block *at, const workspace_of_gradient *w) {
  const dk_attention_arguments *a = &j->g->attention;
  for (long key = 0; key < at->keys; key++) {
    read_row(j, a->k, key_row(at, key), at->start, 1, w->keys + key * j->head_stride);
    read_row(j, a->v, key_row(at, key), at->start, 1, w->d_values + key * j->head_stride);
  }
  turn(j, w->keys, at->keys, w->turned_keys);
  turn(j, w->d_values, at->keys, w->turned_values);
  for (long i = 0; i < at->keys * j->head_stride; i++) w->keys[i] *= a->scale;
}

static void add_bias(const dk_attention_arguments *a, const block *at, long query, float *scores) {
  const float *bias = a->bias + (at->head * a->queries + query) * a->keys;
  for (long key = 0; key < at->keys; key++) scores[key] += bias[at->list ? at->list[key] : key];
}

// Queries of one picture; `add`: keys and values have sums already.
static void queries_backwards(const job *j, const block *at, const workspace_of_gradient *w, int add) {
  const dk_attention_arguments *a = &j->g->attention;
  const dk_kernels *kernels = j->engine->kernels;
  const long hs = j->head_stride, ks = j->key_stride, d = a->head_dim, count = at->count, keys = at->keys;
  const long head_columns = dk_ceil_div(d, lanes) * lanes, key_columns = dk_ceil_div(keys, lanes) * lanes;
  for (long i = 0; i < count; i++) {
    read_row(j, a->q, at->row + i, at->start, a->scale, w->queries + i * hs);
    read_row(j, j->g->d_out, at->row + i, at->start, 1, w->d_out + i * hs);
  }
  kernels->small_product(count, key_columns, d, w->queries, hs, 1, w->turned_keys, ks, w->weights, ks, 0);
  kernels->small_product(count, key_columns, d, w->d_out, hs, 1, w->turned_values, ks, w->slopes, ks, 0);
  for (long i = 0; i < count; i++) {
    float *weights = w->weights + i * ks;
    if (a->bias) add_bias(a, at, at->query + i, weights);
    kernels->softmax_row(weights, keys);
    kernels->softmax_gradient_row(weights, w->slopes + i * ks, keys);
  }
  kernels->small_product(keys, head_columns, count, w->weights, 1, ks, w->d_out, hs, w->d_values, hs, add);
  kernels->small_product(keys, head_columns, count, w->slopes, 1, ks, w->queries, hs, w->d_keys, hs, add);
  kernels->small_product(count, head_columns, keys, w->slopes, ks, 1, w->keys, hs, w->d_queries, hs, 0);
  for (long i = 0; i < count; i++) add_row(j, w->d_queries + i * hs, j->g->d_q, at->row + i, at->start);
}

static void head_task(void *context, long task, int thread) {
  const job *j = context;
  const dk_attention_arguments *a = &j->g->attention;
  const long item = task / a->heads;
  const workspace_of_gradient w = lay_out(j, dk_scratch(j->engine, thread));
  block at = {.head = task % a->heads, .start = task % a->heads * a->head_dim};
  int seen = 0;
  for (long b = 0; b < a->batch; b++) {
    if (!reads(a, b, item)) continue;
    if (!seen) {
      dk_choose_keys(a, item, w.list, &at);
      read_keys(j, &at, &w);
    }
    for (at.query = 0; at.query < a->queries; at.query += queries_at_once, seen = 1) {
      at.row = b * a->queries + at.query;
      at.count = dk_min(queries_at_once, a->queries - at.query);
      queries_backwards(j, &at, &w, seen);
    }
  }
  for (long key = 0; seen && key < at.keys; key++) {
    add_row(j, w.d_keys + key * j->head_stride, j->g->d_k, key_row(&at, key), at.start);
    add_row(j, w.d_values + key * j->head_stride, j->g->d_v, key_row(&at, key), at.start);
  }
}

dk_status dk_attention_gradient(dk_engine *engine, const dk_attention_gradient_arguments *g) {
  const dk_attention_arguments *a = &g->attention;
  if (a->batch <= 0 || a->heads <= 0 || a->head_dim <= 0 || a->queries <= 0 || a->keys <= 0) return DK_OK;
  if (engine->backend == DK_BACKEND_REFERENCE) return gradient_by_definition(g);
  job j = {engine, g, dk_ceil_div(a->head_dim, lanes) * lanes | lanes, dk_ceil_div(a->keys, lanes) * lanes | lanes};
  return dk_parallel(engine, workspace_bytes(&j), items_of(a) * a->heads, head_task, &j);
}
