// A row of output pixels of a 3x3 (or 2x2) convolution. Template (see simd.h), included with
//   A(name)  the name of a function of this variant
//   UNITS    what a unit is (operand_simd.h); pairs are neighbours along the input channels
//   HEIGHT(panels)  how many pixels a register tile holds beside that many panels of 16 output channels

enum { A(panel_vectors) = 16 / LANES };

// act(y + bias + residual) of the channels from `channel` on, as many as there are.
TARGET DK_INLINE void A(finish_vector)(const finish *f, V(vec) y, long channel, const void *residual, void *out) {
  long left = f->channels - channel;
  if (left >= LANES) {
    if (f->bias) y = V(add)(y, V(load)(f->bias + channel));
    if (residual) y = V(add)(y, V(load_row)(f->residual.type, residual, channel));
    V(store_row)(f->out.type, out, channel, V(activate)(f->activation, y));
  } else if (left > 0) {
    if (f->bias) y = V(add)(y, V(load_n)(f->bias + channel, left));
    if (residual) y = V(add)(y, V(load_row_n)(f->residual.type, residual, channel, left));
    V(store_row_n)(f->out.type, out, channel, V(activate)(f->activation, y), left);
  }
}

enum { A(vectors) = 4 * A(panel_vectors) };  // the most of a tile

#if UNITS == DK_I16_UNITS
// Adds the integers to the totals, and starts them again.
TARGET DK_INLINE void A(widen_sums)(const int height, const int width, A(accumulator) sum[12][A(vectors)],
                                    V(vec) total[12][A(vectors)]) {
  DK_UNROLL for (int r = 0; r < height; r++) {
    DK_UNROLL for (int v = 0; v < width; v++) {
      total[r][v] = V(add)(total[r][v], V(from_integers)(sum[r][v]));
      sum[r][v] = A(no_sum)();
    }
  }
}
#endif

// One register tile: `height` pixels x `panels` of 16 output channels, of which `count` pixels are stored.
TARGET DK_INLINE void A(pixels)(const int height, const int panels, const row_work *w, packed_taps packed, long panel,
                                long pixel) {
  const int width = panels * A(panel_vectors);
  A(accumulator) sum[12][A(vectors)];
  V(vec) total[12][A(vectors)];
  DK_UNROLL for (int r = 0; r < height; r++) {
    DK_UNROLL for (int v = 0; v < width; v++) sum[r][v] = A(no_sum)(), total[r][v] = V(set)(0);
  }
  // Every fourth row of the tile has its own base: x86 addresses base + 1, 2 or 4 times an index register.
  const long step = w->step;
  const unit *x = w->x + pixel * step, *weights = packed.units;
#if UNITS == DK_I16_UNITS
  long room = exact_units;
#endif
  for (int run = 0; run < w->runs; run++) {
    const unit *a0 = x + run * w->line, *a4 = a0 + 4 * step, *a8 = a4 + 4 * step;
    for (long left = w->units; left > 0;) {
#if UNITS == DK_I16_UNITS
      if (room == 0) A(widen_sums)(height, width, sum, total), room = exact_units;
      const long here = dk_min(left, room);
      room -= here;
#else
      const long here = left;
#endif
      left -= here;
      for (long u = here; u > 0; u--) {
        A(operand) b[A(vectors)];
        DK_UNROLL for (int v = 0; v < width; v++) b[v] = A(read)(weights + v * LANES);
        DK_UNROLL for (int r = 0; r < height; r++) {
          const unit *row = r < 4 ? a0 + r * step : r < 8 ? a4 + (r - 4) * step : a8 + (r - 8) * step;
          A(operand) a = A(broadcast)(row);
          DK_UNROLL for (int v = 0; v < width; v++) sum[r][v] = A(multiply_add)(a, b[v], sum[r][v]);
        }
        a0++, a4++, a8++;
        weights += panels * 16;
      }
    }
  }
#if UNITS == DK_I16_UNITS
  A(widen_sums)(height, width, sum, total);
#endif
  const finish *f = w->finish;
  long count = dk_min(height, w->pixels - pixel);
  DK_UNROLL for (int r = 0; r < height; r++) {
    if (r >= count) break;
    long at = w->first + (pixel + r) * w->out_step;
    void *out = dk_row(f->out, at);
    const void *residual = f->residual.data ? dk_row(f->residual, at) : NULL;
    DK_UNROLL for (int v = 0; v < width; v++) {
      const long channel = panel * 16 + v * LANES;
#if UNITS == DK_I16_UNITS
      V(vec) y = V(mul)(V(mul)(total[r][v], V(load)(packed.scales + channel)), V(set)(w->scale));
#else
      V(vec) y = sum[r][v];
#endif
      A(finish_vector)(f, y, channel, residual, out);
    }
  }
}

TARGET __attribute__((noinline)) static void A(convolve_row)(const row_work *w, packed_taps weights, long panel, int panels) {
  switch (panels) {
    case 1:
      for (long p = 0; p < w->pixels; p += HEIGHT(1)) A(pixels)(HEIGHT(1), 1, w, weights, panel, p);
      break;
#if LANES == 16
    case 2:
      for (long p = 0; p < w->pixels; p += HEIGHT(2)) A(pixels)(HEIGHT(2), 2, w, weights, panel, p);
      break;
    case 3:
      for (long p = 0; p < w->pixels; p += HEIGHT(3)) A(pixels)(HEIGHT(3), 3, w, weights, panel, p);
      break;
    case 4:
      for (long p = 0; p < w->pixels; p += HEIGHT(4)) A(pixels)(HEIGHT(4), 4, w, weights, panel, p);
      break;
#endif
  }
}

// `channels` numbers of a pixel as units; what is left of the last one is 0. `levels`: see picture.
TARGET DK_INLINE void A(read_pixel)(dk_type type, const void *row, long channels, float levels, unit *to) {
  (void)levels;
#if UNITS == DK_BF16_UNITS
  uint16_t *halves = (uint16_t *)to;
  if (channels & 1) halves[channels] = 0;
  if (type == DK_BF16) {
    memcpy(halves, row, (size_t)channels * 2);
    return;
  }
#if LANES == 16
  for (long i = 0; i < channels; i += 16)
    _mm256_mask_storeu_epi16(halves + i, V(mask)(channels - i),
                             (__m256i)_mm512_cvtneps_pbh(V(load_n)((const float *)row + i, channels - i)));
#else
  V(narrow_row)(row, channels, halves);
#endif
#elif UNITS == DK_I16_UNITS
  A(read_levels)(type, row, 0, channels, levels, to);
#else
  long i = 0;
  for (; i + LANES <= channels; i += LANES) V(store)((float *)to + i, V(load_row)(type, row, i));
  if (i < channels) V(store_n)((float *)to + i, V(load_row_n)(type, row, i, channels - i), channels - i);
#endif
}

// Those of the pixels start, start + 1, … of row y that are inside the picture: left..<right.
TARGET DK_INLINE void A(inside)(const picture *p, long y, long start, long count, long *left, long *right) {
  const long end = start + count;
  *left = dk_min(dk_max(start, 0), end);
  *right = y < 0 || y >= p->height * p->upsample ? *left : dk_max(*left, dk_min(end, p->width * p->upsample));
}

// Pixels start, start + 1, … of row y as the convolution sees them: zero outside the picture.
TARGET __attribute__((noinline)) static void A(read_row)(const picture *p, long y, long start, long count, unit *to) {
  long left, right;
  A(inside)(p, y, start, count, &left, &right);
  memset(to, 0, (size_t)((left - start) * p->units) * sizeof(unit));
  to += (left - start) * p->units;
  long row = p->first + y / p->upsample * p->width;
  if (p->upsample == 1 && p->x.stride == p->channels && !(PAIRS && p->channels & 1)) {
    // Dense rows are one long pixel: a short copy for each would take a tenth of the convolution's time.
    if (right > left) A(read_pixel)(p->x.type, dk_row(p->x, row + left), (right - left) * p->channels, p->levels, to);
    to += (right - left) * p->units;
  } else {
    for (long x = left; x < right; x++, to += p->units)
      A(read_pixel)(p->x.type, dk_row(p->x, row + x / p->upsample), p->channels, p->levels, to);
  }
  memset(to, 0, (size_t)((start + count - right) * p->units) * sizeof(unit));
}

#if UNITS == DK_I16_UNITS
TARGET static uint32_t A(largest)(const picture *p, long y, long start, long count) {
  long left, right;
  A(inside)(p, y, start, count, &left, &right);
  const long row = p->first + y / p->upsample * p->width;
  if (p->upsample == 1 && p->x.stride == p->channels)  // dense rows are one long pixel
    return V(largest_of_row)(p->x.type, dk_row(p->x, row + left), 0, (right - left) * p->channels);
  uint32_t most = 0;
  for (long x = left; x < right; x++) {
    const uint32_t bits = V(largest_of_row)(p->x.type, dk_row(p->x, row + x / p->upsample), 0, p->channels);
    most = bits > most ? bits : most;
  }
  return most;
}
#endif

#if UNITS == DK_F32_UNITS
// act(y + bias + residual) of the sums of `count` pixels, `stride` numbers apart, which are rows first, first + step, … of
// `out`: what is left to do when something else than these loops made the sums.
TARGET static void V(finish_pixels)(const finish *f, const float *sums, long stride, long count, long first, long step) {
  for (long pixel = first; count > 0; count--, pixel += step, sums += stride) {
    const void *residual = f->residual.data ? dk_row(f->residual, pixel) : NULL;
    for (long i = 0; i < f->channels; i += LANES)
      V(finish_vector)(f, V(load_n)(sums + i, f->channels - i), i, residual, dk_row(f->out, pixel));
  }
}

// A row of `pixels` output pixels from three rows of pixels + 2 products [9][channels], `product` numbers apart.
TARGET static void V(sum_taps)(const finish *f, const float *products, long product, long pixels, long first) {
  long row = (pixels + 2) * product, n = f->channels;
  for (long i = 0; i < pixels; i++, products += product) {
    V(vec) sum = V(set)(0);
    DK_UNROLL for (int tap = 0; tap < 9; tap++)  // lanes behind the channels hold the next tap and are not stored
      sum = V(add)(sum, V(load)(products + tap / 3 * row + tap % 3 * product + tap * n));
    A(finish_vector)(f, sum, 0, f->residual.data ? dk_row(f->residual, first + i) : NULL, dk_row(f->out, first + i));
  }
}
#endif
