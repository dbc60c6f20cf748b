// The product of linear_attention.c. Template: see simd.h.

// Of `height` rows and `width` vectors: see small_product.
TARGET DK_INLINE void V(small_tile)(const int height, const int width, long columns, long steps, const float *a, long a_row,
                                    long a_step, const float *b, float *c) {
  V(vec) sum[4][2];
  DK_UNROLL for (int i = 0; i < height; i++)
    DK_UNROLL for (int j = 0; j < width; j++) sum[i][j] = V(set)(0);
  for (long step = 0; step < steps; step++) {
    V(vec) right[2];
    DK_UNROLL for (int j = 0; j < width; j++) right[j] = V(load)(b + step * columns + j * LANES);
    DK_UNROLL for (int i = 0; i < height; i++) {
      V(vec) left = V(set)(a[i * a_row + step * a_step]);
      DK_UNROLL for (int j = 0; j < width; j++) sum[i][j] = V(fma)(left, right[j], sum[i][j]);
    }
  }
  DK_UNROLL for (int i = 0; i < height; i++)
    DK_UNROLL for (int j = 0; j < width; j++) V(store)(c + i * columns + j * LANES, sum[i][j]);
}

// c [rows][columns] = Σ over steps of a(row, step) · b [steps][columns], where a(row, step) is a[row * a_row + step * a_step] and
// columns are a multiple of 16.
TARGET static void V(small_product)(long rows, long columns, long steps, const float *a, long a_row, long a_step, const float *b,
                                    float *c) {
  for (long j = 0; j < columns;) {
    const int width = columns - j >= 2 * LANES ? 2 : 1;
    long i = 0;
    for (; i + 4 <= rows; i += 4) {
      const float *left = a + i * a_row;
      if (width == 2) V(small_tile)(4, 2, columns, steps, left, a_row, a_step, b + j, c + i * columns + j);
      else V(small_tile)(4, 1, columns, steps, left, a_row, a_step, b + j, c + i * columns + j);
    }
    for (; i < rows; i++) {
      const float *left = a + i * a_row;
      if (width == 2) V(small_tile)(1, 2, columns, steps, left, a_row, a_step, b + j, c + i * columns + j);
      else V(small_tile)(1, 1, columns, steps, left, a_row, a_step, b + j, c + i * columns + j);
    }
    j += width * LANES;
  }
}
