// The loops of gradients.c and of attention_gradient.c. Template: see simd.h. Behind norm_simd.h, whose sums it takes.

// dx += factor · (g - mean(g) - h · mean(g · h)), where h = (x - mean - off) · factor and g = dy · (1 + scale) · weight;
// without mean(g) where the norm is not `centred`.
TARGET DK_INLINE void V(norm_gradient)(const int centred, long columns, dk_type type, const void *x, row_moments moments,
                                       const float *weight, const float *scale, const float *dy, float *dx) {
  const V(vec) mean = V(set)(moments.mean), off = V(set)(moments.off), factor = V(set)(moments.factor), one = V(set)(1);
  V(vec) sum = V(set)(0), product = sum, g_mean = sum, product_mean = sum;
  for (int pass = 0; pass < 2; pass++) {
    for (long i = 0; i < columns; i += LANES) {
      const long left = columns - i;
      const int whole = left >= LANES;
#define READ(p) (whole ? V(load)((p) + i) : V(load_n)((p) + i, left))
      V(vec) g = READ(dy), h = whole ? V(load_row)(type, x, i) : V(load_row_n)(type, x, i, left);
      h = V(mul)(centred ? V(sub)(V(sub)(h, mean), off) : h, factor);
      if (scale) g = V(mul)(g, V(add)(one, READ(scale)));
      if (weight) g = V(mul)(g, READ(weight));
      if (pass == 0) {  // behind the row g is 0
        sum = V(add)(sum, g);
        product = V(fma)(g, h, product);
        continue;
      }
      g = V(sub)(centred ? V(sub)(g, g_mean) : g, V(mul)(h, product_mean));
      V(vec) y = V(fma)(g, factor, READ(dx));
#undef READ
      if (whole) V(store)(dx + i, y);
      else V(store_n)(dx + i, y, left);
    }
    g_mean = V(set)(V(sum)(sum) / (float)columns);
    product_mean = V(set)(V(sum)(product) / (float)columns);
  }
}

TARGET static void V(layer_norm_gradient_row)(long columns, dk_type type, const void *x, float eps, const float *weight,
                                              const float *scale, const float *dy, float *dx, row_moments *moments) {
  float sum, squares, n = (float)columns;
  V(row_sums)(columns, type, x, 0, &sum, &squares);
  moments->mean = sum / n;
  V(row_sums)(columns, type, x, moments->mean, &sum, &squares);
  moments->off = sum / n;
  const float variance = squares / n - moments->off * moments->off;
  moments->factor = 1 / sqrtf((variance > 0 ? variance : 0) + eps);
  V(norm_gradient)(1, columns, type, x, *moments, weight, scale, dy, dx);
}

TARGET static void V(rms_norm_gradient_row)(long columns, dk_type type, const void *x, const float *weight, float eps,
                                            const float *dy, float *dx, row_moments *moments) {
  float sum, squares;
  V(row_sums)(columns, type, x, 0, &sum, &squares);
  *moments = (row_moments){0, 0, 1 / sqrtf(squares / (float)columns + eps)};
  V(norm_gradient)(0, columns, type, x, *moments, weight, NULL, dy, dx);
}

// Of `width` vectors of columns from c on, the last of them of `last` columns: see sum_columns.
TARGET DK_INLINE void V(sum_vectors)(const int width, long rows, long c, long last, const float *dy, long stride, dk_rows x,
                                     const row_moments *moments, const float *weight, float *sums, float *products) {
  V(vec) sum[4], product[4];
  DK_UNROLL for (int v = 0; v < width; v++) sum[v] = product[v] = V(set)(0);
  for (long r = 0; r < rows; r++) {
    const void *row = products ? dk_row(x, r) : NULL;
    V(vec) mean = V(set)(moments ? moments[r].mean : 0), off = V(set)(moments ? moments[r].off : 0);
    V(vec) factor = V(set)(moments ? moments[r].factor : 1);
    DK_UNROLL for (int v = 0; v < width; v++) {
      const int whole = v + 1 < width || last >= LANES;
      const float *from = dy + r * stride + c + v * LANES;
      V(vec) g = whole ? V(load)(from) : V(load_n)(from, last);
      sum[v] = V(add)(sum[v], g);
      if (!products) continue;
      V(vec) h = whole ? V(load_row)(x.type, row, c + v * LANES) : V(load_row_n)(x.type, row, c + v * LANES, last);
      if (moments) h = V(mul)(V(sub)(V(sub)(h, mean), off), factor);
      product[v] = V(fma)(g, h, product[v]);
    }
  }
  DK_UNROLL for (int v = 0; v < width; v++) {
    const long at = c + v * LANES, count = v + 1 < width ? LANES : last;
    if (weight) product[v] = V(mul)(product[v], V(load_n)(weight + at, count));
    if (sums) V(store_n)(sums + at, V(add)(V(load_n)(sums + at, count), sum[v]), count);
    if (products) V(store_n)(products + at, V(add)(V(load_n)(products + at, count), product[v]), count);
  }
}

// sums += Σ dy and products += weight · Σ dy · h down the columns of some rows, where h is (x - mean - off) · factor, or x
// without moments. Either may be NULL: not wanted.
TARGET static void V(sum_columns)(long rows, long columns, const float *dy, long stride, dk_rows x, const row_moments *moments,
                                  const float *weight, float *sums, float *products) {
  long c = 0;
  for (; c + 4 * LANES <= columns; c += 4 * LANES)
    V(sum_vectors)(4, rows, c, LANES, dy, stride, x, moments, weight, sums, products);
  for (; c < columns; c += LANES)
    V(sum_vectors)(1, rows, c, columns - c, dy, stride, x, moments, weight, sums, products);
}

// Of a softmax, in place: w · (g - Σ w · g)
TARGET static void V(softmax_gradient_row)(const float *weights, float *gradient, long count) {
  V(vec) sum = V(set)(0);
  long whole = count / LANES * LANES, left = count - whole;
  for (long i = 0; i < whole; i += LANES) sum = V(fma)(V(load)(weights + i), V(load)(gradient + i), sum);
  if (left) sum = V(fma)(V(load_n)(weights + whole, left), V(load_n)(gradient + whole, left), sum);
  const V(vec) mean = V(set)(V(sum)(sum));
  for (long i = 0; i < whole; i += LANES)
    V(store)(gradient + i, V(mul)(V(load)(weights + i), V(sub)(V(load)(gradient + i), mean)));
  if (left) {
    V(vec) g = V(sub)(V(load_n)(gradient + whole, left), mean);
    V(store_n)(gradient + whole, V(mul)(V(load_n)(weights + whole, left), g), left);
  }
}
