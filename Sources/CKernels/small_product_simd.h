// A product of matrices that fit the near caches. Template: see simd.h.

enum { V(small_height) = 6, V(small_width) = TILE };  // of the register tile: rows, and vectors of columns

// Of `height` rows and `width` vectors: see small_product.
TARGET DK_INLINE void V(small_tile)(const int height, const int width, long steps, const float *a, long a_row, long a_step,
                                    const float *b, long b_step, float *c, long c_row, int add) {
  V(vec) sum[V(small_height)][V(small_width)];
  DK_UNROLL for (int i = 0; i < height; i++)
    DK_UNROLL for (int j = 0; j < width; j++) sum[i][j] = V(set)(0);
  for (; steps > 0; steps--) {
    V(vec) right[V(small_width)];
    DK_UNROLL for (int j = 0; j < width; j++) right[j] = V(load)(b + j * LANES);
    DK_UNROLL for (int i = 0; i < height; i++) {
      V(vec) left = V(set)(a[i * a_row]);
      DK_UNROLL for (int j = 0; j < width; j++) sum[i][j] = V(fma)(left, right[j], sum[i][j]);
    }
    a += a_step;
    b += b_step;
  }
  DK_UNROLL for (int i = 0; i < height; i++)
    DK_UNROLL for (int j = 0; j < width; j++) {
      float *to = c + i * c_row + j * LANES;
      V(store)(to, add ? V(add)(V(load)(to), sum[i][j]) : sum[i][j]);
    }
}

// All rows of `width` vectors of columns.
TARGET DK_INLINE void V(small_columns)(const int width, long rows, long steps, const float *a, long a_row, long a_step,
                                       const float *b, long b_step, float *c, long c_row, int add) {
  long i = 0;
  for (; rows - i >= 6 && rows - i != 8; i += 6)  // 8 is twice 4
    V(small_tile)(6, width, steps, a + i * a_row, a_row, a_step, b, b_step, c + i * c_row, c_row, add);
  for (; rows - i >= 4; i += 4)
    V(small_tile)(4, width, steps, a + i * a_row, a_row, a_step, b, b_step, c + i * c_row, c_row, add);
  for (; i < rows; i++)
    V(small_tile)(1, width, steps, a + i * a_row, a_row, a_step, b, b_step, c + i * c_row, c_row, add);
}

// c(row, column) = Σ over steps of a(row, step) · b(step, column), added to what is there where `add`. a(row, step) is
// a[row * a_row + step * a_step]; rows of b and c lie b_step and c_row apart, and columns are a multiple of 16.
TARGET static void V(small_product)(long rows, long columns, long steps, const float *a, long a_row, long a_step, const float *b,
                                    long b_step, float *c, long c_row, int add) {
  for (long j = 0; j < columns; j += V(small_width) * LANES) {
    switch (dk_min(V(small_width), (columns - j) / LANES)) {
      case 1: V(small_columns)(1, rows, steps, a, a_row, a_step, b + j, b_step, c + j, c_row, add); break;
      case 2: V(small_columns)(2, rows, steps, a, a_row, a_step, b + j, b_step, c + j, c_row, add); break;
#if TILE > 2
      case 3: V(small_columns)(3, rows, steps, a, a_row, a_step, b + j, b_step, c + j, c_row, add); break;
      case 4: V(small_columns)(4, rows, steps, a, a_row, a_step, b + j, b_step, c + j, c_row, add); break;
#endif
    }
  }
}
