// The loops of thin.c's products along rows. Template: see simd.h.

// h(row, i) = Σ x(row, c) · m(i, c) of `height` rows and `width` rows of m.
TARGET DK_INLINE void V(project_tile)(const int height, const int width, long columns, long rank, dk_rows x, const float *m,
                                      float *h) {
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

// out(row, c) += Σ h(row, i) · m(i, c) of `height` rows and `width` vectors from column c on, the last of `last` columns.
TARGET DK_INLINE void V(expand_tile)(const int height, const int width, long last, long columns, long rank, const float *h,
                                     const float *m, dk_rows out, long c) {
  V(vec) sum[4][2], right[2];
  const int whole = last >= LANES;
  DK_UNROLL for (int r = 0; r < height; r++)
    DK_UNROLL for (int v = 0; v < width; v++) sum[r][v] = V(set)(0);
  for (long i = 0; i < rank; i++) {
    const float *from = m + i * columns + c;
    DK_UNROLL for (int v = 0; v < width; v++) right[v] = whole ? V(load)(from + v * LANES) : V(load_n)(from, last);
    DK_UNROLL for (int r = 0; r < height; r++) {
      V(vec) left = V(set)(h[r * rank + i]);
      DK_UNROLL for (int v = 0; v < width; v++) sum[r][v] = V(fma)(left, right[v], sum[r][v]);
    }
  }
  DK_UNROLL for (int r = 0; r < height; r++) {
    void *row = dk_row(out, r);
    DK_UNROLL for (int v = 0; v < width; v++) {
      if (whole) V(store_row)(out.type, row, c + v * LANES, V(add)(V(load_row)(out.type, row, c + v * LANES), sum[r][v]));
      else V(store_row_n)(out.type, row, c, V(add)(V(load_row_n)(out.type, row, c, last), sum[r][v]), last);
    }
  }
}

TARGET DK_INLINE void V(expand_height)(const int height, long columns, long rank, const float *h, const float *m, dk_rows out) {
  long c = 0;
  for (; c + 2 * LANES <= columns; c += 2 * LANES) V(expand_tile)(height, 2, LANES, columns, rank, h, m, out, c);
  for (; c < columns; c += LANES) V(expand_tile)(height, 1, columns - c, columns, rank, h, m, out, c);
}

// out [rows][columns] += h m with h [rows][rank] and m [rank][columns].
TARGET static void V(expand_rows)(long rows, long columns, long rank, const float *h, const float *m, dk_rows out) {
  dk_rows to = out;
  long r = 0;
  for (; r + 4 <= rows; r += 4) {
    to.data = dk_row(out, r);
    V(expand_height)(4, columns, rank, h + r * rank, m, to);
  }
  for (; r < rows; r++) {
    to.data = dk_row(out, r);
    V(expand_height)(1, columns, rank, h + r * rank, m, to);
  }
}
