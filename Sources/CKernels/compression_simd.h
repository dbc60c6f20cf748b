// The loop of compression.c. Template: see simd.h.

// Of one compressed token: bias + Σ weight · x over its patch of factor × factor tokens, channel by channel. `x` begins at the
// patch's first token, rows of `width` tokens.
TARGET static void V(sum_patch)(long factor, long width, long columns, dk_rows x, const float *weight, const float *bias,
                                float *sums) {
  for (long i = 0; i < columns; i += LANES) {
    long left = columns - i;
    int whole = left >= LANES;
#define READ(p) (whole ? V(load)((p) + i) : V(load_n)((p) + i, left))
    V(vec) sum = READ(bias);
    for (long tap = 0; tap < factor * factor; tap++) {
      const void *row = dk_row(x, tap / factor * width + tap % factor);
      V(vec) value = whole ? V(load_row)(x.type, row, i) : V(load_row_n)(x.type, row, i, left);
      sum = V(fma)(READ(weight + tap * columns), value, sum);
    }
#undef READ
    if (whole) V(store)(sums + i, sum);
    else V(store_n)(sums + i, sum, left);
  }
}
