// The loops of norm.c. Template: see simd.h.
#include <math.h>

// Σ(x - shift) and Σ(x - shift)² of a row. Four chains each: one addition has to wait four cycles for the one before.
TARGET DK_INLINE void V(row_sums)(long columns, dk_type type, const void *x, float shift, float *sum, float *squares) {
  V(vec) s[4], q[4], by = V(set)(shift);
  DK_UNROLL for (int j = 0; j < 4; j++) s[j] = q[j] = V(set)(0);
  long i = 0;
  for (; i + 4 * LANES <= columns; i += 4 * LANES) {
    DK_UNROLL for (int j = 0; j < 4; j++) {
      V(vec) d = V(sub)(V(load_row)(type, x, i + j * LANES), by);
      s[j] = V(add)(s[j], d);
      q[j] = V(fma)(d, d, q[j]);
    }
  }
  for (; i + LANES <= columns; i += LANES) {
    V(vec) d = V(sub)(V(load_row)(type, x, i), by);
    s[0] = V(add)(s[0], d);
    q[0] = V(fma)(d, d, q[0]);
  }
  if (i < columns) {
    float last[LANES] = {0};  // zeros behind the row would count as -shift
    V(store_n)(last, V(sub)(V(load_row_n)(type, x, i, columns - i), by), columns - i);
    V(vec) d = V(load)(last);
    s[1] = V(add)(s[1], d);
    q[1] = V(fma)(d, d, q[1]);
  }
  *sum = V(sum)(V(add)(V(add)(s[0], s[1]), V(add)(s[2], s[3])));
  *squares = V(sum)(V(add)(V(add)(q[0], q[1]), V(add)(q[2], q[3])));
}

TARGET static void V(layer_norm_row)(long columns, dk_type type, const void *x, float eps, const float *weight, const float *bias,
                                     const float *scale, const float *shift, dk_type out_type, void *out) {
  float sum, squares, n = (float)columns;
  V(row_sums)(columns, type, x, 0, &sum, &squares);
  float mean = sum / n;
  V(row_sums)(columns, type, x, mean, &sum, &squares);
  float off = sum / n, variance = squares / n - off * off;
  V(vec) centre = V(set)(mean), rest = V(set)(off), one = V(set)(1);
  V(vec) factor = V(set)(1 / sqrtf((variance > 0 ? variance : 0) + eps));
  for (long i = 0; i < columns; i += LANES) {
    long left = columns - i;
    int whole = left >= LANES;
#define READ(p) (whole ? V(load)((p) + i) : V(load_n)((p) + i, left))
    V(vec) y = whole ? V(load_row)(type, x, i) : V(load_row_n)(type, x, i, left);
    y = V(mul)(V(sub)(V(sub)(y, centre), rest), factor);
    if (weight) y = V(mul)(y, READ(weight));
    if (bias) y = V(add)(y, READ(bias));
    if (scale) y = V(mul)(y, V(add)(one, READ(scale)));
    if (shift) y = V(add)(y, READ(shift));
#undef READ
    if (whole) V(store_row)(out_type, out, i, y);
    else V(store_row_n)(out_type, out, i, y, left);
  }
}

TARGET static void V(rms_norm_row)(long columns, dk_type type, const void *x, const float *weight, const float *bias, float eps,
                                   dk_type out_type, void *out) {
  float sum, squares;
  V(row_sums)(columns, type, x, 0, &sum, &squares);
  V(vec) factor = V(set)(1 / sqrtf(squares / (float)columns + eps));
  for (long i = 0; i < columns; i += LANES) {
    long left = columns - i;
    V(vec) y = V(mul)(left >= LANES ? V(load_row)(type, x, i) : V(load_row_n)(type, x, i, left), factor);
    if (weight) y = V(mul)(y, left >= LANES ? V(load)(weight + i) : V(load_n)(weight + i, left));
    if (bias) y = V(add)(y, left >= LANES ? V(load)(bias + i) : V(load_n)(bias + i, left));
    if (left >= LANES) V(store_row)(out_type, out, i, y);
    else V(store_row_n)(out_type, out, i, y, left);
  }
}

// Of `width` vectors of channels from c on, the last of them of `last` channels: see channel_moments.
TARGET DK_INLINE void V(vector_moments)(const int width, long count, long c, long last, dk_rows x, float *mean, float *residue,
                                        float *squares) {
  V(vec) sum[4], centre[4], s[4], q[4];
  DK_UNROLL for (int v = 0; v < width; v++) sum[v] = s[v] = q[v] = V(set)(0);
  for (int pass = 0; pass < 2; pass++) {
    for (long p = 0; p < count; p++) {
      const void *row = dk_row(x, p);
      DK_UNROLL for (int v = 0; v < width; v++) {
        V(vec) value = v + 1 < width || last >= LANES ? V(load_row)(x.type, row, c + v * LANES)
                                                      : V(load_row_n)(x.type, row, c + v * LANES, last);
        if (pass == 0) {
          sum[v] = V(add)(sum[v], value);
        } else {
          V(vec) d = V(sub)(value, centre[v]);
          s[v] = V(add)(s[v], d);
          q[v] = V(fma)(d, d, q[v]);
        }
      }
    }
    DK_UNROLL for (int v = 0; v < width; v++) centre[v] = V(mul)(sum[v], V(set)(1 / (float)count));
  }
  DK_UNROLL for (int v = 0; v < width; v++) {
    V(store)(mean + v * LANES, centre[v]);
    V(store)(residue + v * LANES, s[v]);
    V(store)(squares + v * LANES, q[v]);
  }
}

// Of each channel c…c+n over `count` pixels: a mean, and Σ(x - mean) and Σ(x - mean)² about it. The three arrays have room
// for n rounded up to LANES.
TARGET static void V(channel_moments)(long count, long c, long n, dk_rows x, float *mean, float *residue, float *squares) {
  long i = 0;
  for (; i + 4 * LANES <= n; i += 4 * LANES) V(vector_moments)(4, count, c + i, LANES, x, mean + i, residue + i, squares + i);
  for (; i < n; i += LANES) V(vector_moments)(1, count, c + i, n - i, x, mean + i, residue + i, squares + i);
}

// out = act((x - high - low) * gain + bias) for channels c…c+n of `count` pixels.
TARGET static void V(normalise_channels)(long count, long c, long n, dk_rows x, const float *high, const float *low,
                                         const float *gain, const float *bias, dk_activation activation, dk_rows out) {
  for (long p = 0; p < count; p++) {
    const void *from = dk_row(x, p);
    void *to = dk_row(out, p);
    for (long i = 0; i < n; i += LANES) {
      long left = n - i;
      V(vec) v = left >= LANES ? V(load_row)(x.type, from, c + i) : V(load_row_n)(x.type, from, c + i, left);
      V(vec) y = V(sub)(V(sub)(v, V(load)(high + i)), V(load)(low + i));
      y = V(activate)(activation, V(fma)(y, V(load)(gain + i), V(load)(bias + i)));
      if (left >= LANES) V(store_row)(out.type, to, c + i, y);
      else V(store_row_n)(out.type, to, c + i, y, left);
    }
  }
}
