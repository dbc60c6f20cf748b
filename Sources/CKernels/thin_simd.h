// The loop of thin.c's projection. Template: see simd.h.

// h(row, i) = Σ x(row, c) · m(i, c) of `height` rows and `width` rows of m.
TARGET DK_INLINE void V(project_tile)(const int height, const int width, long columns, long rank, dk_rows x, const float *m, float *h) {
  V(vec) sum[3][4], left[3];
  DK_UNROLL for (int r = 0; r < height; r++)
    DK_UNROLL for (int i = 0; i < width; i++) sum[r][i] = V(set)(0);
  long c = 0;
  for (; c + LANES <= columns; c += LANES) {
    DK_UNROLL for (int r = 0; r < height; r++) left[r] = V(load_row)(x.type, dk_row(x, r), c);
    DK_UNROLL for (int i = 0; i < width; i++) {
      V(vec) right = V(load)(m + i * columns + c);
      DK_UNROLL for (int r = 0; r < height; r++) sum[r][i] = V(fma)(left[r], right, sum[r][i]);
    }
  }
  if (c < columns) {
    DK_UNROLL for (int r = 0; r < height; r++) left[r] = V(load_row_n)(x.type, dk_row(x, r), c, columns - c);
    DK_UNROLL for (int i = 0; i < width; i++) {
      V(vec) right = V(load_n)(m + i * columns + c, columns - c);
      DK_UNROLL for (int r = 0; r < height; r++) sum[r][i] = V(fma)(left[r], right, sum[r][i]);
    }
  }
  DK_UNROLL for (int r = 0; r < height; r++)
    DK_UNROLL for (int i = 0; i < width; i++) h[r * rank + i] = V(sum)(sum[r][i]);
}

// h [rows][rank] = x mᵀ with m [rank][columns].
TARGET static void V(project_rows)(long rows, long columns, long rank, dk_rows x, const float *m, float *h) {
  for (long r = 0; r < rows;) {
    const int height = rows - r >= 3 ? 3 : 1;
    dk_rows from = x;
    from.data = dk_row(x, r);
    long i = 0;
    for (; i + 4 <= rank; i += 4) {
      if (height == 3) V(project_tile)(3, 4, columns, rank, from, m + i * columns, h + r * rank + i);
      else V(project_tile)(1, 4, columns, rank, from, m + i * columns, h + r * rank + i);
    }
    for (; i < rank; i++) {
      if (height == 3) V(project_tile)(3, 1, columns, rank, from, m + i * columns, h + r * rank + i);
      else V(project_tile)(1, 1, columns, rank, from, m + i * columns, h + r * rank + i);
    }
    r += height;
  }
}
