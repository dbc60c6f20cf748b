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

// Symmetric levels -127...127 of a row, the same on every CPU. Returns the scale: max|x| / 127, NaN if any x is.
// The loops are plain so that the compiler vectorises them for TARGET.
TARGET static float V(quantise_row)(dk_x_format format, const float *row, long k, void *to) {
  uint32_t most = 0;  // magnitudes of floats compare like their bits, and NaN is the largest
  for (long i = 0; i < k; i++) {
    uint32_t bits;
    memcpy(&bits, row + i, 4);
    bits &= 0x7fffffff;
    most = bits > most ? bits : most;
  }
  float largest;
  memcpy(&largest, &most, 4);
  // A row of (nearly) nothing: its reciprocal would overflow.
  float inverse = largest > 1e-36f ? 127 / largest : 0;
  const float shift = 12582912.0f;  // 1.5·2²³: adding it rounds to even, and leaves the integer in the low bits
  const int32_t shift_bits = 0x4b400000;
  if (format == DK_X_U8) {
    uint8_t *levels = to;
    for (long i = 0; i < k; i++) {
      float scaled = row[i] * inverse;  // statements of their own: a fused multiply-add would round differently
      float shifted = scaled + shift;
      int32_t bits;
      memcpy(&bits, &shifted, 4);
      levels[i] = (uint8_t)(bits - shift_bits + 128);
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
  return largest > 1e-36f || largest != largest ? largest / 127 : 0;
}

// A row of x in the format of the kernel, padded from k to padded_k. `wide` holds k floats.
TARGET static void V(prepare_row)(dk_x_format format, dk_type type, const void *row, long k, long padded_k, float *wide,
                                  char *to, float *scale) {
  switch (format) {
    case DK_X_F32: V(widen_row)(type, row, k, (float *)to); break;
    case DK_X_BF16:
      if (type == DK_BF16) memcpy(to, row, (size_t)k * 2);
      else V(narrow_row)(row, k, (uint16_t *)to);
      memset(to + k * 2, 0, (size_t)(padded_k - k) * 2);
      break;
    case DK_X_I16:
    case DK_X_U8: {
      const float *from = row;
      if (type == DK_BF16) V(widen_row)(type, row, k, wide), from = wide;
      long size = format == DK_X_U8 ? 1 : 2;
      *scale = V(quantise_row)(format, from, k, to);
      memset(to + k * size, 0, (size_t)((padded_k - k) * size));  // any number will do: the weights there are 0
      break;
    }
  }
}

// sums [rows][stride] of columns column ..< column + count -> out, through the epilogue. x_scales: of these rows, for INT8.
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
      if (x_scales) {
        y = V(load_difference)((const int32_t *)sums + at, weight->offsets + column + j);
        y = V(mul)(V(mul)(y, V(load)(weight->scales + column + j)), V(set)(x_scales[i]));
      } else {
        y = whole ? V(load)((const float *)sums + at) : V(load_n)((const float *)sums + at, left);
      }
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

TARGET static void V(finish)(const dk_weight *weight, const dk_epilogue *e, const void *sums, long stride,
                             const float *x_scales, dk_rows outs, long row, long rows, long column, long count) {
#define FINISH(A) V(finish_as)(A, weight, e, sums, stride, x_scales, outs, row, rows, column, count)
  switch (e->activation) {  // inlined once for each, so that the loop holds no switch
    case DK_ACT_GELU_TANH: FINISH(DK_ACT_GELU_TANH); break;
    case DK_ACT_GELU_ERF: FINISH(DK_ACT_GELU_ERF); break;
    case DK_ACT_SILU: FINISH(DK_ACT_SILU); break;
    case DK_ACT_RELU: FINISH(DK_ACT_RELU); break;
    case DK_ACT_NONE: FINISH(DK_ACT_NONE); break;
  }
#undef FINISH
}
