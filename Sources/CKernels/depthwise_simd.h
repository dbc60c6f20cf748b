// The loop of depthwise.c. Template: see simd.h.

// So many vectors of channels of one output pixel, the last of them of `count` channels: bias + Σ over rows top…bottom and
// columns left…right of the kernel, in this order. With two `parts` the second, `outputs` channels on, gates the first.
TARGET DK_INLINE void V(depthwise_tile)(const int vectors, const int parts, const dk_type type, const dk_depthwise_arguments *a,
                                        dk_rows x, long row, const long reach[4], long c, long outputs, long count, dk_rows out) {
  const int whole = count >= LANES;
  V(vec) sum[2][4];
#define READ(p, v) (v + 1 < vectors || whole ? V(load)((p) + v * LANES) : V(load_n)((p) + v * LANES, count))
  DK_UNROLL for (int part = 0; part < parts; part++)
    DK_UNROLL for (int v = 0; v < vectors; v++)
      sum[part][v] = a->bias ? READ(a->bias + c + part * outputs, v) : V(set)(0);
  for (long dy = reach[0]; dy < reach[1]; dy++)
    for (long dx = reach[2]; dx < reach[3]; dx++) {
      const void *pixel = dk_row(x, row + (dy - a->size / 2) * a->width + dx - a->size / 2);
      const float *weight = a->weight + (dy * a->size + dx) * a->columns + c;
      DK_UNROLL for (int part = 0; part < parts; part++)
        DK_UNROLL for (int v = 0; v < vectors; v++) {
          const long channel = c + part * outputs + v * LANES;
          V(vec) value = v + 1 < vectors || whole ? V(load_row)(type, pixel, channel)
                                                  : V(load_row_n)(type, pixel, channel, count);
          sum[part][v] = V(fma)(READ(weight + part * outputs, v), value, sum[part][v]);
        }
    }
#undef READ
  void *to = dk_row(out, row);
  DK_UNROLL for (int v = 0; v < vectors; v++) {
    V(vec) y = parts == 1 ? V(activate)(a->activation, sum[0][v]) : V(mul)(sum[0][v], V(activate)(a->activation, sum[1][v]));
    if (v + 1 < vectors || whole) V(store_row)(out.type, to, c + v * LANES, y);
    else V(store_row_n)(out.type, to, c + v * LANES, y, count);
  }
}

// Channels first…first + count of one output pixel, which is row `row` of x and of out.
TARGET DK_INLINE void V(depthwise_channels)(const int parts, const dk_type type, const dk_depthwise_arguments *a, dk_rows x,
                                            long row, const long reach[4], long first, long count, dk_rows out) {
  const long outputs = a->columns / parts;
  long i = 0;
  for (; i + 4 * LANES <= count; i += 4 * LANES)
    V(depthwise_tile)(4, parts, type, a, x, row, reach, first + i, outputs, LANES, out);
  for (; i < count; i += LANES) V(depthwise_tile)(1, parts, type, a, x, row, reach, first + i, outputs, count - i, out);
}

TARGET static void V(depthwise_pixel)(const dk_depthwise_arguments *a, dk_rows x, long row, const long reach[4], long first,
                                      long count, dk_rows out) {
  // The type is looked at here, and not at each number.
  if (a->gated && x.type == DK_F32) V(depthwise_channels)(2, DK_F32, a, x, row, reach, first, count, out);
  else if (a->gated) V(depthwise_channels)(2, DK_BF16, a, x, row, reach, first, count, out);
  else if (x.type == DK_F32) V(depthwise_channels)(1, DK_F32, a, x, row, reach, first, count, out);
  else V(depthwise_channels)(1, DK_BF16, a, x, row, reach, first, count, out);
}
