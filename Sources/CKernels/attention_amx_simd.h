// Attention by tiles: 32 queries against up to 256 keys at a time. Template of kernels_amx.c, included for AMX and for its
// emulation (tiles_amx.h, tiles_emulated.h), with vectors (simd.h).
//
//   scores[32][keys] = Q Kᵀ       x as it lies, K turned so that 16 keys lie side by side      float32
//   weights[32][keys] = 2^(scores · c - their maximum · c)      rows: nothing is turned           bfloat16
//   mixed[32][head] (+)= weights V       V with two keys side by side                             float32
//
// Long key sequences come in blocks; the running maximum rescales what was mixed before, as in attention_simd.h.

// Scores of 32 queries and `keys` keys (a multiple of 32), [32][amx_score_stride].
//
// Heads of up to 64 numbers: the queries stay in four registers, 16 keys at a time pass by. While their sums are stored the
// next ones are multiplied; four tiles of sums at a time would wait for each other.
TILE_TARGET static void T(score_small)(long steps, const char *queries, const char *packed_keys, long keys, float *scores) {
  const long row = steps * 64;
  float *lower = scores + 16 * amx_score_stride;
  TILE_LOAD(4, queries, row);
  TILE_LOAD(6, queries + 16 * row, row);
  if (steps == 2) {
    TILE_LOAD(5, queries + 64, row);
    TILE_LOAD(7, queries + 16 * row + 64, row);
  }
  for (long key = 0; key < keys; key += 16, packed_keys += steps * 1024) {
    TILE_ZERO(0);
    TILE_STREAM(2, packed_keys, 64);
    TILE_ZERO(1);
    TILE_DOT_BF16(0, 4, 2);
    TILE_DOT_BF16(1, 6, 2);
    if (steps == 2) {
      TILE_STREAM(3, packed_keys + 1024, 64);
      TILE_DOT_BF16(0, 5, 3);
      TILE_DOT_BF16(1, 7, 3);
    }
    TILE_STORE(0, scores + key, amx_score_stride * 4);
    TILE_STORE(1, lower + key, amx_score_stride * 4);
  }
}

TILE_TARGET static void T(score)(long steps, const char *queries, const char *packed_keys, long keys, float *scores) {
  const long row = steps * 64;
  float *lower = scores + 16 * amx_score_stride;
  for (long key = 0; key < keys; key += 16, packed_keys += steps * 1024) {
    TILE_ZERO(0);
    TILE_ZERO(1);
    for (long step = 0; step < steps; step++) {
      TILE_STREAM(2, packed_keys + step * 1024, 64);
      TILE_LOAD(4, queries + step * 64, row);
      TILE_DOT_BF16(0, 4, 2);
      TILE_LOAD(5, queries + 16 * row + step * 64, row);
      TILE_DOT_BF16(1, 5, 2);
    }
    TILE_STORE(0, scores + key, amx_score_stride * 4);
    TILE_STORE(1, lower + key, amx_score_stride * 4);
  }
}

// mixed [32][mixed_stride] (+)= weights · values
TILE_TARGET static void T(mix)(const amx_attention *job, const uint16_t *weights, const char *values, long keys, float *mixed,
                               int resume) {
  const long columns = job->head_columns, row = job->mixed_stride * 4;
  for (long column = 0; column < columns; column += 2) {
    const int two = column + 1 < columns;
    float *to = mixed + column * 16, *below = to + 16 * job->mixed_stride;
    if (resume) {
      TILE_LOAD(0, to, row);
      TILE_LOAD(2, below, row);
      if (two) TILE_LOAD(1, to + 16, row);
      if (two) TILE_LOAD(3, below + 16, row);
    } else {
      TILE_ZERO(0);
      TILE_ZERO(1);
      TILE_ZERO(2);
      TILE_ZERO(3);
    }
    const char *from = values + column * 1024;
    for (long key = 0; key < keys; key += 32, from += columns * 1024) {
      TILE_LOAD(4, weights + key, amx_weight_stride * 2);
      TILE_STREAM(6, from, 64);
      TILE_LOAD(5, weights + 16 * amx_weight_stride + key, amx_weight_stride * 2);
      TILE_DOT_BF16(0, 4, 6);
      TILE_DOT_BF16(2, 5, 6);
      if (two) {
        TILE_STREAM(7, from + 1024, 64);
        TILE_DOT_BF16(1, 4, 7);
        TILE_DOT_BF16(3, 5, 7);
      }
    }
    TILE_STORE(0, to, row);
    TILE_STORE(2, below, row);
    if (two) TILE_STORE(1, to + 16, row);
    if (two) TILE_STORE(3, below + 16, row);
  }
}

// ---------------------------------------------------------------- scores become weights

// First the largest of each row: sets `rescale`, the factor for what was mixed before. `keys` is a multiple of 32.
TILE_TARGET static void T(find_largest)(const float *scores, long rows, long keys, float c, amx_state *state, float *rescale) {
  enum { vectors = 32 / LANES };
  float here[32] = {0};
  for (long i = 0; i < rows; i++, scores += amx_score_stride) {
    V(vec) most[vectors];
    DK_UNROLL for (int v = 0; v < vectors; v++) most[v] = V(load)(scores + v * LANES);
    for (long j = 32; j < keys; j += 32)
      DK_UNROLL for (int v = 0; v < vectors; v++) most[v] = V(max)(V(load)(scores + j + v * LANES), most[v]);
    DK_UNROLL for (int v = 1; v < vectors; v++) most[0] = V(max)(most[v], most[0]);
    here[i] = V(largest)(most[0]);
  }
  for (long i = 0; i < 32; i += LANES) {
    const V(vec) before = V(load)(state->largest + i), now = V(max)(V(mul)(V(load)(here + i), V(set)(c)), before);
    V(store)(rescale + i, V(exp2_coarse)(V(sub)(before, now)));
    V(store)(state->largest + i, now);
  }
}

// Then the weights, each in the place of its score.
TILE_TARGET static void T(weigh)(float *scores, long rows, long keys, float c, amx_state *state, const float *rescale) {
  const V(vec) by = V(set)(c);
  float here[32];
  for (long i = 0; i < 32; i++) here[i] = 1;
  for (long i = 0; i < rows; i++, scores += amx_score_stride) {
    uint16_t *weights = (uint16_t *)scores;
    const V(vec) minus = V(set)(-state->largest[i]);
    V(vec) sum[2];
    sum[0] = sum[1] = V(set)(0);
    for (long j = 0; j < keys; j += 2 * LANES) {
      const V(vec) low = V(exp2_coarse)(V(fma)(V(load)(scores + j), by, minus));
      const V(vec) high = V(exp2_coarse)(V(fma)(V(load)(scores + j + LANES), by, minus));
      sum[0] = V(add)(sum[0], low);
      sum[1] = V(add)(sum[1], high);
      V(store_two_as_bf16)(weights + j, low, high);
    }
    here[i] = V(sum)(V(add)(sum[0], sum[1]));
  }
  for (long i = 0; i < 32; i += LANES)
    V(store)(state->total + i, V(fma)(V(load)(state->total + i), V(load)(rescale + i), V(load)(here + i)));
}

// scores · scale + bias, in powers of two.
TILE_TARGET static void T(add_bias)(const dk_attention_arguments *a, const block *at, long query, long rows, long first,
                                     long count, float *scores) {
  for (long i = 0; i < rows; i++, scores += amx_score_stride) {
    const float *bias = a->bias + (at->head * a->queries + query + i) * a->keys;
    for (long j = first; j < first + count; j++)
      scores[j - first] = (scores[j - first] * a->scale + bias[at->list ? at->list[j] : j]) * 1.44269504f;
  }
}

// ---------------------------------------------------------------- a task

// Block `b` of 32 queries against `count` packed keys from `first` on.
TILE_TARGET static void T(attend_block)(const amx_attention *job, const block *at, const amx_workspace *w, long b, long first,
                                        long count) {
  const dk_attention_arguments *a = job->a;
  const long steps = job->head_steps, keys = dk_ceil_div(count, 32) * 32, rows = dk_min(32, at->count - b * 32);
  const float c = a->bias ? 1 : a->scale * 1.44269504f;
  amx_state *state = &w->states[b];
  char *queries = w->queries + b * 32 * steps * 64;
  float *mixed = w->mixed + b * 32 * job->mixed_stride, rescale[32];
  if (first == 0) {
    T(read_queries)(job, at, b * 32, rows, queries);
    for (int i = 0; i < 32; i++) state->largest[i] = -1e30f, state->total[i] = 0;
  }
  if (steps <= 2) T(score_small)(steps, queries, w->keys, keys, w->scores);
  else T(score)(steps, queries, w->keys, keys, w->scores);
  if (a->bias) T(add_bias)(a, at, at->query + b * 32, rows, first, count, w->scores);
  // Scores behind the last key must not count: whole vectors of very small ones, at most 32 numbers behind the block.
  for (long i = 0; count < keys && i < rows; i++)
    for (long j = 0; j < 32; j += LANES) V(store)(w->scores + i * amx_score_stride + count + j, V(set)(-1e30f));
  T(find_largest)(w->scores, rows, keys, c, state, rescale);
  T(weigh)(w->scores, rows, keys, c, state, rescale);
  for (long i = 0; first && i < rows; i++)
    for (long d = 0; rescale[i] != 1 && d < job->head_columns * 16; d += LANES) {
      float *m = mixed + i * job->mixed_stride + d;
      V(store)(m, V(mul)(V(load)(m), V(set)(rescale[i])));
    }
  T(mix)(job, (const uint16_t *)w->scores, w->values, keys, mixed, first > 0);
}

// mixed / total -> out
TILE_TARGET static void T(write_block)(const amx_attention *job, const block *at, const amx_workspace *w, long b) {
  const dk_attention_arguments *a = job->a;
  const long rows = dk_min(32, at->count - b * 32);
  const float *mixed = w->mixed + b * 32 * job->mixed_stride;
  for (long i = 0; i < rows; i++, mixed += job->mixed_stride) {
    const V(vec) factor = V(set)(1 / w->states[b].total[i]);
    uint16_t *out = (uint16_t *)dk_row(a->out, at->row + b * 32 + i) + at->start;
    long d = 0;
    for (; d + 2 * LANES <= a->head_dim; d += 2 * LANES)
      V(store_two_as_bf16)(out + d, V(mul)(V(load)(mixed + d), factor), V(mul)(V(load)(mixed + d + LANES), factor));
    for (; d < a->head_dim; d += LANES) V(store_bf16_n)(out + d, V(mul)(V(load)(mixed + d), factor), a->head_dim - d);
  }
}

TILE_TARGET static void T(attend)(const amx_attention *job, const block *at, const amx_workspace *w) {
  const long blocks = dk_ceil_div(at->count, 32);
  TILE_BEGIN;
  for (long first = 0; first < at->keys; first += amx_keys) {
    const long count = dk_min(amx_keys, at->keys - first);
    T(pack_keys)(job, at, first, count, w->keys);
    T(pack_values)(job, at, first, count, w->values);
    for (long b = 0; b < blocks; b++) T(attend_block)(job, at, w, b, first, count);
  }
  TILE_END;
  for (long b = 0; b < blocks; b++) T(write_block)(job, at, w, b);
}
