// Template (see simd.h): what happens to rows of x before the tiles, and to rows of sums after them.

// One row of either type as float32.
TARGET static void V(widen_row)(dk_type type, const void *row, long k, float *to) {
  long i = 0;
  for (; i + LANES <= k; i += LANES) V(store)(to + i, V(load_row)(type, row, i));
  if (i < k) V(store_n)(to + i, V(load_row_n)(type, row, i, k - i), k - i);
}

TARGET static void V(narrow_row)(const float *row, long k, uint16_t *to) {
  long i = 0;
  for (; i + LANES <= k; i += LANES) V(store_bf16)(to + i, V(load)(row + i));
  if (i < k) V(store_bf16_n)(to + i, V(load_n)(row + i, k - i), k - i);
}

TARGET static void V(widen_bytes)(const int8_t *from, long count, int16_t *to) {
  for (long i = 0; i < count; i++) to[i] = from[i];
}

// Symmetric levels of a row, the same on every CPU: -2047…2047 for I16, -127…127 for I8, and plus 128 for U8. Returns the
// scale: max|x| by the largest level, NaN if any x is. The loops are plain so that the compiler vectorises them for TARGET.
TARGET static float V(quantise_row)(dk_x_format format, const float *row, long k, void *to) {
  float inverse;
  const float worth = dk_choose_levels(V(largest_of_row)(DK_F32, row, 0, k), format == DK_X_I16 ? DK_I16_LEVELS : 127, &inverse);
  const float shift = 12582912.0f;  // 1.5·2²³: adding it rounds to even, and leaves the integer in the low bits
  const int32_t shift_bits = 0x4b400000;
  if (format != DK_X_I16) {
    uint8_t *levels = to;
    const int32_t add = format == DK_X_U8 ? 128 : 0;
    for (long i = 0; i < k; i++) {
      float scaled = row[i] * inverse;  // statements of their own: a fused multiply-add would round differently
      float shifted = scaled + shift;
      int32_t bits;
      memcpy(&bits, &shifted, 4);
      levels[i] = (uint8_t)(bits - shift_bits + add);
    }
  } else {
    int16_t *levels = to;
    for (long i = 0; i < k; i++) {
      float scaled = row[i] * inverse;
      float shifted = scaled + shift;
      int32_t bits;
      memcpy(&bits, &shifted, 4);
      levels[i] = (int16_t)(bits - shift_bits);
    }
  }
  return worth;
}

#if LANES == 16
// The same levels written out: half the time of what compilers make of the loops above. `sign` is 0x80 for those with 128
// added, which is the sign bit turned over, else 0.
TARGET static float V(quantise_floats)(const float *row, long k, int sign, uint8_t *to) {
  float levels_of_one;
  const float worth = dk_choose_levels(V(largest_of_row)(DK_F32, row, 0, k), 127, &levels_of_one);
  const V(vec) inverse = V(set)(levels_of_one);
  for (long i = 0; i < k; i += LANES) {
    const __m128i levels = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(V(mul)(V(load_n)(row + i, k - i), inverse)));
    _mm_mask_storeu_epi8(to + i, V(mask)(k - i), _mm_xor_si128(levels, _mm_set1_epi8((char)sign)));
  }
  return worth;
}

// Those of a bfloat16 row, 64 at a time: the largest magnitude is found among the words as they are, and even and odd ones
// are widened by a shift and a mask. A quarter of the time of widening them first.
TARGET static float V(quantise_halves)(const uint16_t *row, long k, int sign, uint8_t *to) {
  const __m512i magnitude = _mm512_set1_epi16(0x7fff), upper = _mm512_set1_epi32((int)0xffff0000);
  __m512i most = _mm512_setzero_si512();
  for (long i = 0; i < k; i += 32)
    most = _mm512_max_epu16(most, _mm512_and_si512(V(load_words_n)(row + i, k - i), magnitude));
  most = _mm512_max_epu32(_mm512_slli_epi32(most, 16), _mm512_and_si512(most, upper));
  float levels_of_one;
  const float worth = dk_choose_levels(_mm512_reduce_max_epu32(most), 127, &levels_of_one);
  const V(vec) inverse = V(set)(levels_of_one);
  static const uint16_t low_halves[32] = {0,  2,  4,  6,  8,  10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30,
                                          32, 34, 36, 38, 40, 42, 44, 46, 48, 50, 52, 54, 56, 58, 60, 62};
  const __m512i order = _mm512_loadu_si512(low_halves);
  for (long i = 0; i < k; i += 64) {
    __m512i pairs[2];  // of levels, in the low half of each lane
    DK_UNROLL for (int v = 0; v < 2; v++) {
      const __m512i x = V(load_words_n)(row + i + 32 * v, k - i - 32 * v);
      const __m512i even = _mm512_cvtps_epi32(V(mul)(_mm512_castsi512_ps(_mm512_slli_epi32(x, 16)), inverse));
      const __m512i odd = _mm512_cvtps_epi32(V(mul)(_mm512_castsi512_ps(_mm512_and_si512(x, upper)), inverse));
      pairs[v] = _mm512_or_si512(_mm512_and_si512(even, _mm512_set1_epi32(0xff)), _mm512_slli_epi32(odd, 8));
    }
    const __m512i levels = _mm512_permutex2var_epi16(pairs[0], order, pairs[1]);
    const __mmask64 mask = k - i >= 64 ? ~0ull : (1ull << (k - i)) - 1;
    _mm512_mask_storeu_epi8(to + i, mask, _mm512_xor_si512(levels, _mm512_set1_epi8((char)sign)));
  }
  return worth;
}
#endif

// A row of x in the format of the kernel, padded from k to padded_k. `wide` holds k floats.
TARGET static void V(prepare_row)(dk_x_format format, dk_type type, const void *row, long k, long padded_k, float *wide,
                                  char *to, float *scale) {
  switch (format) {
    case DK_X_F32:
      V(widen_row)(type, row, k, (float *)to);
      memset(to + k * 4, 0, (size_t)(padded_k - k) * 4);
      break;
    case DK_X_BF16:
      if (type == DK_BF16) memcpy(to, row, (size_t)k * 2);
      else V(narrow_row)(row, k, (uint16_t *)to);
      memset(to + k * 2, 0, (size_t)(padded_k - k) * 2);
      break;
    case DK_X_I16:
    case DK_X_I8:
    case DK_X_U8: {
      const long size = format == DK_X_I16 ? 2 : 1;
      memset(to + k * size, 0, (size_t)((padded_k - k) * size));  // any number will do: the weights there are 0
#if LANES == 16
      if (size == 1) {
        const int sign = format == DK_X_U8 ? 0x80 : 0;
        *scale = type == DK_F32 ? V(quantise_floats)(row, k, sign, (uint8_t *)to)
                                : V(quantise_halves)(row, k, sign, (uint8_t *)to);
        break;
      }
#endif
      const float *from = row;
      if (type == DK_BF16) V(widen_row)(type, row, k, wide), from = wide;
      *scale = V(quantise_row)(format, from, k, to);
      break;
    }
  }
}

// Sums of products of levels, from `column` on, as what they stand for.
TARGET DK_INLINE V(vec) V(load_scaled)(const dk_weight *weight, const float *sums, long column, float x_scale) {
  V(vec) y = weight->offsets ? V(load_difference)((const int32_t *)sums, weight->offsets + column) : V(load)(sums);
  return V(mul)(V(mul)(y, V(load)(weight->scales + column)), V(set)(x_scale));
}

// sums [rows][stride] of columns column ..< column + count -> out, through the epilogue. x_scales: of these rows, for INT8
// and INT12.
TARGET DK_INLINE void V(finish_as)(const dk_activation activation, const dk_weight *weight, const dk_epilogue *e,
                                   const void *sums, long stride, const float *x_scales, dk_rows outs, long row,
                                   long rows, long column, long count) {
  for (long i = 0; i < rows; i++) {
    void *out = dk_row(outs, row + i);
    const float *gate = e->residual && e->gate ? e->gate + (row + i) / e->rows_per_group * e->gate_stride + column : NULL;
    for (long j = 0; j < count; j += LANES) {
      const long at = i * stride + j, left = count - j;
      const int whole = left >= LANES;
      V(vec) y;
      if (x_scales) y = V(load_scaled)(weight, (const float *)sums + at, column + j, x_scales[i]);
      else y = whole ? V(load)((const float *)sums + at) : V(load_n)((const float *)sums + at, left);
      if (e->bias) y = V(add)(y, whole ? V(load)(e->bias + column + j) : V(load_n)(e->bias + column + j, left));
      y = V(activate)(activation, y);
      if (e->residual) {
        V(vec) before = whole ? V(load_row)(outs.type, out, column + j) : V(load_row_n)(outs.type, out, column + j, left);
        V(vec) g = !gate ? V(set)(1) : whole ? V(load)(gate + j) : V(load_n)(gate + j, left);
        y = V(fma)(g, y, before);
      }
      if (whole) V(store_row)(outs.type, out, column + j, y);
      else V(store_row_n)(outs.type, out, column + j, y, left);
    }
  }
}

// The same for whole vectors and rows of one gate, the common case: a column of tiles at a time, so that what belongs to
// the columns is read once, and with nothing left to decide in the loop.
TARGET DK_INLINE void V(finish_whole_as)(const dk_activation activation, const int scaled, const int residual,
                                         const dk_weight *weight, const dk_epilogue *e, const void *sums, long stride,
                                         const float *x_scales, dk_rows outs, long row, long rows, long column, long count) {
  const float *gates = residual && e->gate ? e->gate + row / e->rows_per_group * e->gate_stride + column : NULL;
  char *first = dk_row(outs, row);
  const long out_bytes = outs.stride * (long)dk_type_size(outs.type);
  for (long j = 0; j < count; j += LANES) {
    const V(vec) bias = V(load)(e->bias + column + j), gate = gates ? V(load)(gates + j) : V(set)(1);
    for (long i = 0; i < rows; i++) {
      const float *sum = (const float *)sums + i * stride + j;
      void *out = first + i * out_bytes;
      V(vec) y = scaled ? V(load_scaled)(weight, sum, column + j, x_scales[i]) : V(load)(sum);
      y = V(activate)(activation, V(add)(y, bias));
      if (residual) y = V(fma)(gate, y, V(load)((const float *)out + column + j));
      if (residual || outs.type == DK_F32) V(store)((float *)out + column + j, y);
      else V(store_bf16)((uint16_t *)out + column + j, y);
    }
  }
}

// 1 where it was done.
TARGET static int V(finish_whole)(const dk_weight *weight, const dk_epilogue *e, const void *sums, long stride,
                                  const float *x_scales, dk_rows outs, long row, long rows, long column, long count) {
  if (count % LANES || !e->bias || (e->residual && outs.type != DK_F32) || !dk_one_gate(e, row, rows)) return 0;
#define WHOLE(A, SCALED, RESIDUAL) \
  return V(finish_whole_as)(A, SCALED, RESIDUAL, weight, e, sums, stride, x_scales, outs, row, rows, column, count), 1
  if (e->activation == DK_ACT_NONE) {
    if (x_scales && e->residual) WHOLE(DK_ACT_NONE, 1, 1);
    if (x_scales) WHOLE(DK_ACT_NONE, 1, 0);
    if (e->residual) WHOLE(DK_ACT_NONE, 0, 1);
    WHOLE(DK_ACT_NONE, 0, 0);
  }
  if (e->activation == DK_ACT_GELU_TANH && !e->residual) {
    if (x_scales) WHOLE(DK_ACT_GELU_TANH, 1, 0);
    WHOLE(DK_ACT_GELU_TANH, 0, 0);
  }
#undef WHOLE
  return 0;
}

TARGET static void V(finish)(const dk_weight *weight, const dk_epilogue *e, const void *sums, long stride,
                             const float *x_scales, dk_rows outs, long row, long rows, long column, long count) {
  if (V(finish_whole)(weight, e, sums, stride, x_scales, outs, row, rows, column, count)) return;
#define FINISH(A) V(finish_as)(A, weight, e, sums, stride, x_scales, outs, row, rows, column, count)
  switch (e->activation) {  // inlined once for each, so that the loop holds no switch
    case DK_ACT_GELU_TANH: FINISH(DK_ACT_GELU_TANH); break;
    case DK_ACT_GELU_ERF: FINISH(DK_ACT_GELU_ERF); break;
    case DK_ACT_GELU_QUICK: FINISH(DK_ACT_GELU_QUICK); break;
    case DK_ACT_SILU: FINISH(DK_ACT_SILU); break;
    case DK_ACT_RELU: FINISH(DK_ACT_RELU); break;
    case DK_ACT_NONE: FINISH(DK_ACT_NONE); break;
  }
#undef FINISH
}
