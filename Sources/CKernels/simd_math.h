// exp, erf and the activations for the selected instruction set, and rows of either type. Included by simd_*.h only.
#define OP TARGET DK_INLINE

// eˣ, relative error about 1e-7 (Cephes' expf polynomial). Saturates outside -87.3…87, so that neither it nor its
// reciprocal is denormal (those are slow); NaN stays NaN.
OP V(vec) V(exp)(V(vec) x) {
  x = V(min)(V(set)(87), V(max)(V(set)(-87.3f), x));
  V(vec) n = V(round)(V(mul)(x, V(set)(1.44269504f)));
  V(vec) r = V(fma)(n, V(set)(-0.693359375f), x);
  r = V(fma)(n, V(set)(2.12194440e-4f), r);
  V(vec) p = V(set)(1.9875691500e-4f);
  p = V(fma)(p, r, V(set)(1.3981999507e-3f));
  p = V(fma)(p, r, V(set)(8.3334519073e-3f));
  p = V(fma)(p, r, V(set)(4.1665795894e-2f));
  p = V(fma)(p, r, V(set)(1.6666665459e-1f));
  p = V(fma)(p, r, V(set)(5.0000001201e-1f));
  p = V(fma)(p, V(mul)(r, r), V(add)(r, V(set)(1)));
  return V(scale2)(p, n);
}

// 2ˣ, relative error about 1e-7 (Cephes' exp2f polynomial, by pairs: the chain is shorter). Saturates at 2^±125.
// Cheaper than exp where the factor log2(e) can go into a constant.
OP V(vec) V(exp2)(V(vec) x) {
  x = V(min)(V(set)(125), V(max)(V(set)(-125), x));
  V(vec) n = V(round)(x), r = V(sub)(x, n), r2 = V(mul)(r, r);
  V(vec) low = V(fma)(r, V(set)(6.931472028550421e-1f), V(set)(1));
  V(vec) middle = V(fma)(r, V(set)(5.550332471162809e-2f), V(set)(2.402264791363012e-1f));
  V(vec) high = V(fma)(r, V(set)(1.339887440266574e-3f), V(set)(9.618437357674640e-3f));
  high = V(fma)(r2, V(set)(1.535336188319500e-4f), high);
  return V(scale2)(V(fma)(r2, V(fma)(r2, high, middle), low), n);
}

// x / (1 + 2ᵘ)
OP V(vec) V(over_one_plus_exp2)(V(vec) x, V(vec) u) { return V(mul)(x, V(reciprocal)(V(add)(V(exp2)(u), V(set)(1)))); }

// x / (1 + e⁻ˣ)
OP V(vec) V(silu)(V(vec) x) { return V(over_one_plus_exp2)(x, V(mul)(x, V(set)(-1.4426950408889634f))); }

// x / (1 + e⁻¹·⁷⁰²ˣ)
OP V(vec) V(gelu_quick)(V(vec) x) { return V(over_one_plus_exp2)(x, V(mul)(x, V(set)(-2.4554669595930157f))); }

// 0.5 x (1 + tanh(√(2/π)(x + 0.044715 x³))) = x / (1 + e^(-2·√(2/π)(x + 0.044715 x³)))
OP V(vec) V(gelu_tanh)(V(vec) x) {
  V(vec) cubic = V(fma)(V(mul)(x, x), V(set)(-0.1029432395800235f), V(set)(-2.302208198144325f));
  return V(over_one_plus_exp2)(x, V(mul)(x, cubic));
}

// erf as a ratio of polynomials (the coefficients of Eigen's generic_fast_erf_float), a few ulp on |x| < 4.
OP V(vec) V(erf)(V(vec) x) {
  x = V(min)(V(set)(4), V(max)(V(set)(-4), x));
  V(vec) x2 = V(mul)(x, x);
  V(vec) p = V(fma)(x2, V(set)(-2.72614225801306e-10f), V(set)(2.77068142495902e-08f));
  p = V(fma)(x2, p, V(set)(-2.10102402082508e-06f));
  p = V(fma)(x2, p, V(set)(-5.69250639462346e-05f));
  p = V(fma)(x2, p, V(set)(-7.34990630326855e-04f));
  p = V(fma)(x2, p, V(set)(-2.95459980854025e-03f));
  p = V(mul)(x, V(fma)(x2, p, V(set)(-1.60960333262415e-02f)));
  V(vec) q = V(fma)(x2, V(set)(-1.45660718464996e-05f), V(set)(-2.13374055278905e-04f));
  q = V(fma)(x2, q, V(set)(-1.68282697438203e-03f));
  q = V(fma)(x2, q, V(set)(-7.37332916720468e-03f));
  q = V(fma)(x2, q, V(set)(-1.42647390514189e-02f));
  return V(div)(p, q);
}

// 0.5 x (1 + erf(x / √2))
OP V(vec) V(gelu_erf)(V(vec) x) {
  V(vec) half = V(mul)(x, V(set)(0.5f));
  return V(fma)(half, V(erf)(V(mul)(x, V(set)(0.70710678f))), half);
}

OP V(vec) V(activate)(dk_activation activation, V(vec) x) {
  switch (activation) {
    case DK_ACT_GELU_TANH: return V(gelu_tanh)(x);
    case DK_ACT_GELU_ERF: return V(gelu_erf)(x);
    case DK_ACT_GELU_QUICK: return V(gelu_quick)(x);
    case DK_ACT_SILU: return V(silu)(x);
    case DK_ACT_RELU: return V(max)(V(set)(0), x);
    default: return x;
  }
}

// LANES numbers of a row from `column`, or the first `count` (≥ 1) of them and zeros: never touches what lies behind.
OP V(vec) V(load_row)(dk_type type, const void *row, long column) {
  return type == DK_F32 ? V(load)((const float *)row + column) : V(load_bf16)((const uint16_t *)row + column);
}
OP V(vec) V(load_row_n)(dk_type type, const void *row, long column, long count) {
  return type == DK_F32 ? V(load_n)((const float *)row + column, count)
                        : V(load_bf16_n)((const uint16_t *)row + column, count);
}
OP void V(store_row)(dk_type type, void *row, long column, V(vec) x) {
  if (type == DK_F32) V(store)((float *)row + column, x);
  else V(store_bf16)((uint16_t *)row + column, x);
}
OP void V(store_row_n)(dk_type type, void *row, long column, V(vec) x, long count) {
  if (type == DK_F32) V(store_n)((float *)row + column, x, count);
  else V(store_bf16_n)((uint16_t *)row + column, x, count);
}

// The bits of the largest magnitude of a row: magnitudes of floats compare like their bits, and NaN is the largest.
OP uint32_t V(largest_of_row)(dk_type type, const void *row, long column, long count) {
  V(vec) most = V(set)(0), other = V(set)(0);
  long i = 0;
  for (; i + 2 * LANES <= count; i += 2 * LANES) {
    most = V(larger_magnitude)(most, V(load_row)(type, row, column + i));
    other = V(larger_magnitude)(other, V(load_row)(type, row, column + i + LANES));
  }
  for (; i < count; i += LANES) {
    const long left = count - i;
    V(vec) x = left >= LANES ? V(load_row)(type, row, column + i) : V(load_row_n)(type, row, column + i, left);
    most = V(larger_magnitude)(most, x);
  }
  return V(largest_bits)(V(larger_magnitude)(most, other));
}
#undef OP
