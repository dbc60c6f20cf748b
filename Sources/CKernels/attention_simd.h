// Attention of one block of queries of one head. Template (see simd.h), included with
//   A(name)  the name of a function of this variant
//   UNITS    what a unit is (operand_simd.h)
//   TILE     how many vectors of queries one register tile holds
//
// Everything is kept transposed, queries side by side in the lanes. Then the rows of K and V are only ever broadcast, so
// they need no packing, and the softmax runs down the lanes without a horizontal step:
//   scores[key][query] = Σ_d K[key][d] · Q[d][query]         mixed[d][query] = Σ_key V[key][d] · weights[key][query]
// Long key sequences come in blocks; the running maximum rescales what was mixed before (Milakov and Gimelshein 2018,
// as in FlashAttention).

// A product out[i][query] = Σ_u a(i, u) · b[u][query], where unit u of row i of `a` lies row · i + step · u bytes behind it.
// rescale NULL: the sums are multiplied by `factor`; else they are added to out · rescale. With DK_I16_UNITS the sums of
// row i are worth worth[i], and those of query j query_worth[j] of that, where there is one.
typedef struct {
  long rows, units;
  const char *a;
  long row, step;
  const unit *b;
  const float *rescale;
  float factor;
  const float *worth, *query_worth;
  float *out;
} A(product);

TARGET DK_INLINE void A(tile)(const int height, const int width, const A(product) *p, long row, long step, long i, long column) {
  A(accumulator) sum[6][4];
  const char *a = p->a + i * row;
  const unit *b = p->b + column;
  float *out = p->out + i * query_block + column;
  DK_UNROLL for (int r = 0; r < height; r++) {
    DK_UNROLL for (int v = 0; v < width; v++) {
      sum[r][v] = A(no_sum)();
#if UNITS != DK_I16_UNITS
      if (p->rescale) sum[r][v] = V(mul)(V(load)(out + r * query_block + v * LANES), V(load)(p->rescale + column + v * LANES));
#endif
    }
  }
  for (long u = p->units; u > 0; u--) {
    A(operand) bs[4];
    DK_UNROLL for (int v = 0; v < width; v++) bs[v] = A(read)(b + v * LANES);
    DK_UNROLL for (int r = 0; r < height; r++) {
      A(operand) as = A(broadcast)(a + r * row);
      DK_UNROLL for (int v = 0; v < width; v++) sum[r][v] = A(multiply_add)(as, bs[v], sum[r][v]);
    }
    a += step;
    b += query_block;
  }
  DK_UNROLL for (int r = 0; r < height; r++) {
    DK_UNROLL for (int v = 0; v < width; v++) {
      float *to = out + r * query_block + v * LANES;
#if UNITS == DK_I16_UNITS
      V(vec) y = V(mul)(V(from_integers)(sum[r][v]), V(set)(p->worth[i + r] * p->factor));
      if (p->query_worth) y = V(mul)(y, V(load)(p->query_worth + column + v * LANES));
      if (p->rescale) y = V(fma)(V(load)(to), V(load)(p->rescale + column + v * LANES), y);
#else
      V(vec) y = p->rescale ? sum[r][v] : V(mul)(sum[r][v], V(set)(p->factor));
#endif
      V(store)(to, y);
    }
  }
}

TARGET DK_INLINE void A(column_of_tiles)(const int width, const A(product) *p, long row, long step, long column) {
  long i = 0;
  for (; i + 6 <= p->rows; i += 6) A(tile)(6, width, p, row, step, i, column);
  if (i + 4 <= p->rows) {
    A(tile)(4, width, p, row, step, i, column);
    i += 4;
  }
  for (; i < p->rows; i++) A(tile)(1, width, p, row, step, i, column);
}

TARGET DK_INLINE void A(multiply)(const A(product) *p, long row, long step, long vectors) {
  for (long v = 0; v < vectors; v += TILE) {
    switch (dk_min(TILE, vectors - v)) {
      case 1: A(column_of_tiles)(1, p, row, step, v * LANES); break;
      case 2: A(column_of_tiles)(2, p, row, step, v * LANES); break;
#if TILE > 2
      case 3: A(column_of_tiles)(3, p, row, step, v * LANES); break;
      case 4: A(column_of_tiles)(4, p, row, step, v * LANES); break;
#endif
    }
  }
}

// The rows of K lie `row` bytes apart, their units side by side; in V the units of one key lie side by side.
TARGET __attribute__((noinline)) static void A(score)(const A(product) *p, long vectors) { A(multiply)(p, p->row, 4, vectors); }
TARGET __attribute__((noinline)) static void A(mix)(const A(product) *p, long vectors) { A(multiply)(p, 4, p->step, vectors); }

// ---------------------------------------------------------------- softmax down the lanes

// scores[0..<count] become weights exp(score - maximum), as units. Updates the running maximum and total of each query
// and leaves in `rescale` the factor for what was mixed before.
TARGET DK_INLINE void A(softmax_columns)(const int width, workspace *w, long count, long column) {
  V(vec) largest[4], total[4];
  DK_UNROLL for (int v = 0; v < width; v++) largest[v] = V(load)(w->largest + column + v * LANES);
  for (long j = 0; j < count; j++) {
    const float *s = w->scores + j * query_block + column;
    DK_UNROLL for (int v = 0; v < width; v++) largest[v] = V(max)(V(load)(s + v * LANES), largest[v]);
  }
  DK_UNROLL for (int v = 0; v < width; v++) {
    long at = column + v * LANES;
    V(vec) factor = V(exp)(V(sub)(V(load)(w->largest + at), largest[v]));
    V(store)(w->rescale + at, factor);
    V(store)(w->largest + at, largest[v]);
    total[v] = V(set)(0);
  }
#if PAIRS  // of neighbouring keys
  unit *weights = (unit *)w->scores;
  for (long j = 0; j < count; j += 2) {
    const float *s = w->scores + j * query_block + column;
    DK_UNROLL for (int v = 0; v < width; v++) {
      V(vec) a = V(exp)(V(sub)(V(load)(s + v * LANES), largest[v])), b = V(set)(0);
      if (j + 1 < count) b = V(exp)(V(sub)(V(load)(s + query_block + v * LANES), largest[v]));
      total[v] = V(add)(total[v], V(add)(a, b));
      A(store_weights)(weights + j / 2 * query_block + column + v * LANES, a, b, V(set)(weight_levels));
    }
  }
#else
  for (long j = 0; j < count; j++) {
    float *s = w->scores + j * query_block + column;
    DK_UNROLL for (int v = 0; v < width; v++) {
      V(vec) e = V(exp)(V(sub)(V(load)(s + v * LANES), largest[v]));
      total[v] = V(add)(total[v], e);
      V(store)(s + v * LANES, e);
    }
  }
#endif
  DK_UNROLL for (int v = 0; v < width; v++) {
    long at = column + v * LANES;
    V(store)(w->total + at, V(fma)(V(load)(w->total + at), V(load)(w->rescale + at), total[v]));
  }
}

TARGET __attribute__((noinline)) static void A(softmax)(workspace *w, long count, long vectors) {
  for (long v = 0; v < vectors; v += 4) {
    switch (dk_min(4, vectors - v)) {
      case 1: A(softmax_columns)(1, w, count, v * LANES); break;
      case 2: A(softmax_columns)(2, w, count, v * LANES); break;
      case 3: A(softmax_columns)(3, w, count, v * LANES); break;
      case 4: A(softmax_columns)(4, w, count, v * LANES); break;
    }
  }
}

// ---------------------------------------------------------------- moving data into and out of the transposed form

typedef float A(four) __attribute__((ext_vector_type(4)));

TARGET DK_INLINE void A(transpose)(A(four) x[4]) {
  A(four) a = __builtin_shufflevector(x[0], x[1], 0, 4, 1, 5), b = __builtin_shufflevector(x[2], x[3], 0, 4, 1, 5);
  A(four) c = __builtin_shufflevector(x[0], x[1], 2, 6, 3, 7), d = __builtin_shufflevector(x[2], x[3], 2, 6, 3, 7);
  x[0] = __builtin_shufflevector(a, b, 0, 1, 4, 5);
  x[1] = __builtin_shufflevector(a, b, 2, 3, 6, 7);
  x[2] = __builtin_shufflevector(c, d, 0, 1, 4, 5);
  x[3] = __builtin_shufflevector(c, d, 2, 3, 6, 7);
}

// head_dim numbers of a row as units; a pair that is only half there is completed by 0. Returns what a level is worth.
TARGET DK_INLINE float A(read_units)(dk_type type, const void *row, long start, long head_dim, unit *to) {
#if UNITS == DK_BF16_UNITS
  if (head_dim & 1) to[head_dim / 2] = 0;
  memcpy(to, (const uint16_t *)row + start, (size_t)head_dim * 2);
  (void)type;
  return 1;
#elif UNITS == DK_I16_UNITS
  float levels;
  const float worth = dk_choose_levels(V(largest_of_row)(type, row, start, head_dim), DK_I16_LEVELS, &levels);
  A(read_levels)(type, row, start, head_dim, levels, to);
  return worth;
#else
  long i = 0;
  for (; i + LANES <= head_dim; i += LANES) V(store)((float *)to + i, V(load_row)(type, row, start + i));
  if (i < head_dim) V(store_n)((float *)to + i, V(load_row_n)(type, row, start + i, head_dim - i), head_dim - i);
  return 1;
#endif
}

TARGET static void A(read_queries)(const dk_attention_arguments *a, const block *at, workspace *w, long vectors) {
  long units = dk_ceil_div(a->head_dim, 1 + PAIRS), width = dk_ceil_div(units, 4) * 4;
  for (long q = 0; q < vectors * LANES; q += 4) {
    memset(w->rows, 0, (size_t)width * 4 * sizeof(unit));
    for (long r = 0; r < 4; r++) {
      unit *to = (unit *)w->rows + r * width;
      const int there = q + r < at->count;
      w->query_worth[q + r] = there ? A(read_units)(a->q.type, dk_row(a->q, at->row + q + r), at->start, a->head_dim, to) : 0;
    }
    for (long u = 0; u < width; u += 4) {
      A(four) x[4];
      DK_UNROLL for (int r = 0; r < 4; r++) memcpy(&x[r], w->rows + r * width + u, 16);
      A(transpose)(x);
      DK_UNROLL for (int r = 0; r < 4; r++) memcpy(w->queries + (u + r) * query_block + q, &x[r], 16);
    }
  }
}

TARGET static void A(write_mixed)(const dk_attention_arguments *a, const block *at, workspace *w) {
  long width = dk_ceil_div(a->head_dim, 4) * 4;
  for (long q = 0; q < at->count; q += 4) {
    A(four) total;
    memcpy(&total, w->total + q, 16);
    A(four) factor = 1.0f / total;
    for (long d = 0; d < width; d += 4) {
      A(four) x[4];
      DK_UNROLL for (int r = 0; r < 4; r++) {
        memcpy(&x[r], w->mixed + (d + r) * query_block + q, 16);
        x[r] *= factor;
      }
      A(transpose)(x);
      DK_UNROLL for (int r = 0; r < 4; r++) memcpy(w->rows + r * width + d, &x[r], 16);
    }
    for (long r = 0; r < 4 && q + r < at->count; r++) {
      void *to = dk_row(a->out, at->row + q + r);
      long d = 0;
      for (; d + LANES <= a->head_dim; d += LANES) V(store_row)(a->out.type, to, at->start + d, V(load)(w->rows + r * width + d));
      if (d < a->head_dim)
        V(store_row_n)(a->out.type, to, at->start + d, V(load_n)(w->rows + r * width + d, a->head_dim - d), a->head_dim - d);
    }
  }
}

// ---------------------------------------------------------------- one block of keys

// Points `p` at `count` keys from `first`: at the caller's rows where their units can be used as they are, else at a copy.
TARGET static void A(read_keys)(const dk_attention_arguments *a, const block *at, workspace *w, long first, long count,
                             A(product) *p) {
  p->units = dk_ceil_div(a->head_dim, 1 + PAIRS);
  p->worth = w->key_worth;
  if (UNITS != DK_I16_UNITS && !at->list && a->k.type == (PAIRS ? DK_BF16 : DK_F32) && !(PAIRS && a->head_dim & 1)) {
    p->a = (const char *)dk_row(a->k, at->key_row + first) + at->start * (PAIRS ? 2 : 4);
    p->row = a->k.stride * (PAIRS ? 2 : 4);
    return;
  }
  p->a = (const char *)w->keys;
  p->row = p->units * 4;
  for (long j = 0; j < count; j++)
    w->key_worth[j] =
      A(read_units)(a->k.type, dk_row(a->k, key_row(at, first + j)), at->start, a->head_dim, w->keys + j * p->units);
}

#if UNITS == DK_I16_UNITS
// The levels of the values of a block of keys: one scale for each of the head's numbers.
TARGET static void A(choose_value_levels)(const dk_attention_arguments *a, const block *at, workspace *w, long first, long count) {
  for (long d = 0; d < a->head_dim; d += LANES) {
    const long left = a->head_dim - d, column = at->start + d;
    V(vec) most = V(set)(0);
    for (long j = 0; j < count; j++) {
      const void *row = dk_row(a->v, key_row(at, first + j));
      V(vec) x = left >= LANES ? V(load_row)(a->v.type, row, column) : V(load_row_n)(a->v.type, row, column, left);
      most = V(larger_magnitude)(most, x);
    }
    V(store_n)(w->value_levels + d, most, left);
  }
  for (long d = 0; d < a->head_dim; d++) {
    uint32_t largest;
    memcpy(&largest, w->value_levels + d, 4);
    w->value_worth[d] = dk_choose_levels(largest, DK_I16_LEVELS, &w->value_levels[d]) / weight_levels;
  }
}
#endif

TARGET static void A(read_values)(const dk_attention_arguments *a, const block *at, workspace *w, long first, long count,
                               A(product) *p) {
  long n = a->head_dim;
#if UNITS == DK_I16_UNITS
  A(choose_value_levels)(a, at, w, first, count);
  for (long j = 0; j < count; j += 2) {
    const void *low = dk_row(a->v, key_row(at, first + j));
    const void *high = j + 1 < count ? dk_row(a->v, key_row(at, first + j + 1)) : NULL;
    unit *to = w->values + j / 2 * n;
    for (long d = 0; d < n; d += LANES) {
      const long left = n - d;
      const V(vec) levels = V(load)(w->value_levels + d);
      V(vec) x = left >= LANES ? V(load_row)(a->v.type, low, at->start + d) : V(load_row_n)(a->v.type, low, at->start + d, left);
      V(vec) y = !high           ? V(set)(0)
                 : left >= LANES ? V(load_row)(a->v.type, high, at->start + d)
                                 : V(load_row_n)(a->v.type, high, at->start + d, left);
      V(integers) pairs = V(pair_levels)(V(mul)(x, levels), V(mul)(y, levels));
      memcpy(to + d, &pairs, sizeof(unit) * (size_t)dk_min(left, LANES));
    }
  }
  p->a = (const char *)w->values;
  p->step = n * 4;
  p->units = dk_ceil_div(count, 2);
  p->worth = w->value_worth;
#elif UNITS == DK_BF16_UNITS
  // Key 2j in the low halves, key 2j + 1 (or 0) in the high ones.
  for (long j = 0; j < count; j += 2) {
    const uint16_t *low = (const uint16_t *)dk_row(a->v, key_row(at, first + j)) + at->start;
    const uint16_t *high = j + 1 < count ? (const uint16_t *)dk_row(a->v, key_row(at, first + j + 1)) + at->start : NULL;
#if LANES == 16
    for (long d = 0; d < n; d += 16) {
      __mmask16 mask = V(mask)(n - d);
      __m512i pair = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, low + d));
      if (high) {
        __m512i upper = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, high + d));
        pair = _mm512_or_si512(pair, _mm512_slli_epi32(upper, 16));
      }
      _mm512_mask_storeu_epi32(w->values + j / 2 * n + d, mask, pair);
    }
#else
    for (long d = 0; d < n; d++) w->values[j / 2 * n + d] = low[d] | (high ? (unit)high[d] << 16 : 0);
#endif
  }
  p->a = (const char *)w->values;
  p->step = n * 4;
  p->units = dk_ceil_div(count, 2);
#else
  p->units = count;
  if (!at->list && a->v.type == DK_F32) {
    p->a = (const char *)dk_row(a->v, at->key_row + first) + at->start * 4;
    p->step = a->v.stride * 4;
    return;
  }
  for (long j = 0; j < count; j++) A(read_units)(a->v.type, dk_row(a->v, key_row(at, first + j)), at->start, n, w->values + j * n);
  p->a = (const char *)w->values;
  p->step = n * 4;
#endif
}

// cap · tanh(s / cap) of the scores; tanh x = 2 / (1 + e⁻²ˣ) - 1.
TARGET __attribute__((noinline)) static void A(cap_scores)(float *scores, float cap, long count, long vectors) {
  for (long j = 0; j < count; j++)
    for (long v = 0; v < vectors; v++) {
      float *s = scores + j * query_block + v * LANES;
      V(vec) e = V(exp)(V(mul)(V(load)(s), V(set)(-2 / cap)));
      V(store)(s, V(sub)(V(div)(V(set)(2 * cap), V(add)(V(set)(1), e)), V(set)(cap)));
    }
}

// scores[key][query] of the `count` keys from `first` that `p` points at, scaled, capped and biased.
TARGET static void A(score_keys)(const dk_attention_arguments *a, const block *at, workspace *w, A(product) p, long first,
                              long count, long vectors) {
  p.rows = count;
  p.b = w->queries;
  p.factor = a->scale;
  p.query_worth = w->query_worth;
  p.out = w->scores;
  A(score)(&p, vectors);
  if (a->cap > 0) A(cap_scores)(w->scores, a->cap, count, vectors);
  if (!a->bias) return;
  for (long q = 0; q < at->count; q++) {
    const float *bias = a->bias + (at->head * a->queries + at->query + q) * a->keys;
    for (long j = 0; j < count; j++) w->scores[j * query_block + q] += bias[at->list ? at->list[first + j] : first + j];
  }
}

// With the final maximum and total of each query known, adds weight / heads to the map of where each query looked.
TARGET static void A(add_probabilities)(const dk_attention_arguments *a, const block *at, workspace *w, long vectors) {
  for (long first = 0; first < at->keys; first += key_block) {
    long count = dk_min(key_block, at->keys - first);
    A(product) keys = {0};
    A(read_keys)(a, at, w, first, count, &keys);
    A(score_keys)(a, at, w, keys, first, count, vectors);
    for (long v = 0; v < vectors; v++) {
      V(vec) largest = V(load)(w->largest + v * LANES);
      V(vec) factor = V(div)(V(set)(1 / (float)a->heads), V(load)(w->total + v * LANES));
      for (long j = 0; j < count; j++) {
        float *s = w->scores + j * query_block + v * LANES;
        V(store)(s, V(mul)(V(exp)(V(sub)(V(load)(s), largest)), factor));
      }
    }
    for (long q = 0; q < at->count; q++) {
      float *map = a->probabilities + (at->row + q) * a->keys;
      for (long j = 0; j < count; j++) map[at->list ? at->list[first + j] : first + j] += w->scores[j * query_block + q];
    }
  }
}

// `blocks` blocks of queries of one head, which share their keys: those are brought into the near caches once for all.
TARGET static void A(attend)(const dk_attention_arguments *a, const block *at, workspace *w, long blocks) {
  for (long b = 0; b < blocks; b++) {
    A(read_queries)(a, &at[b], &w[b], dk_ceil_div(at[b].count, LANES));
    for (long q = 0; q < query_block; q++) {
      w[b].largest[q] = -1e30f;
      w[b].total[q] = 0;
    }
  }
  for (long first = 0; first < at->keys; first += key_block) {
    long count = dk_min(key_block, at->keys - first);
    A(product) keys = {0}, values = {.rows = a->head_dim, .factor = 1};
    A(read_keys)(a, at, w, first, count, &keys);
    A(read_values)(a, at, w, first, count, &values);
    const long next = first + count, ahead = at->keys > near_keys ? dk_min(key_block, at->keys - next) : 0;
    for (long b = 0; b < blocks; b++) {
      long vectors = dk_ceil_div(at[b].count, LANES);
      for (long j = ahead * b / blocks; j < ahead * (b + 1) / blocks; j++) prefetch_key(a, at, next + j);
      A(score_keys)(a, &at[b], &w[b], keys, first, count, vectors);
      A(softmax)(&w[b], count, vectors);
      values.b = (const unit *)w[b].scores;
      values.rescale = first ? w[b].rescale : NULL;
      values.out = w[b].mixed;
      A(mix)(&values, vectors);
    }
  }
  for (long b = 0; b < blocks; b++) {
    A(write_mixed)(a, &at[b], &w[b]);
    if (a->probabilities) A(add_probabilities)(a, &at[b], &w[b], dk_ceil_div(at[b].count, LANES));
  }
}

#if UNITS == DK_F32_UNITS
// Softmax of one row, for the scores that sgemm made.
TARGET static void V(softmax_row)(float *row, long count) {
  V(vec) most = V(set)(-1e30f), total = V(set)(0);
  float last[LANES];
  long whole = count / LANES * LANES, left = count - whole;
  for (int i = 0; i < LANES; i++) last[i] = i < left ? row[whole + i] : -1e30f;
  for (long i = 0; i < whole; i += LANES) most = V(max)(V(load)(row + i), most);
  V(vec) largest = V(set)(V(largest)(V(max)(V(load)(last), most)));
  for (long i = 0; i < whole; i += LANES) {
    V(vec) e = V(exp)(V(sub)(V(load)(row + i), largest));
    total = V(add)(total, e);
    V(store)(row + i, e);
  }
  V(store)(last, V(exp)(V(sub)(V(load)(last), largest)));
  for (int i = (int)left; i < LANES; i++) last[i] = 0;
  V(vec) factor = V(set)(1 / V(sum)(V(add)(total, V(load)(last))));
  for (long i = 0; i < whole; i += LANES) V(store)(row + i, V(mul)(V(load)(row + i), factor));
  if (left) V(store_n)(row + whole, V(mul)(V(load)(last), factor), left);
}
#endif
