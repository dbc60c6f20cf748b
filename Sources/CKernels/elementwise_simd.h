// One row of an elementwise operation. Template: see simd.h.

// dy · act'(x). SiLU and two of the GELUs are x · σ(g(x)): their slope is σ + x · g'(x) · σ · (1 - σ), where σ = 1 / (1 + e)
// and 1 - σ = e · σ, which loses nothing where σ is nearly 1.
TARGET DK_INLINE V(vec) V(activation_gradient)(dk_activation activation, V(vec) x, V(vec) dy) {
  const V(vec) zero = V(set)(0), one = V(set)(1);
  x = V(min)(V(set)(100), V(max)(V(set)(-100), x));  // slopes are 0 or 1 long before, and x³ must not overflow
  V(vec) argument, slope;  // -g(x) · log₂e and g'(x)
  switch (activation) {
    case DK_ACT_GELU_TANH: {
      V(vec) x2 = V(mul)(x, x);
      argument = V(mul)(x, V(fma)(x2, V(set)(-0.1029432395800235f), V(set)(-2.302208198144325f)));
      slope = V(fma)(x2, V(set)(0.2140644488f), V(set)(1.5957691216f));
      break;
    }
    case DK_ACT_GELU_QUICK:
      argument = V(mul)(x, V(set)(-2.4554669595930157f));
      slope = V(set)(1.702f);
      break;
    case DK_ACT_SILU:
      argument = V(mul)(x, V(set)(-1.4426950408889634f));
      slope = one;
      break;
    case DK_ACT_GELU_ERF: {  // Φ(x) + x φ(x)
      V(vec) half = V(set)(0.5f), area = V(fma)(half, V(erf)(V(mul)(x, V(set)(0.70710678f))), half);
      V(vec) density = V(mul)(V(exp)(V(mul)(V(mul)(x, x), V(set)(-0.5f))), V(set)(0.3989422804014327f));
      return V(mul)(dy, V(fma)(x, density, area));
    }
    case DK_ACT_RELU: {  // 1 for all that is positive, however small, and 0 for the rest
      V(vec) huge = V(set)(0x1p127f), step = V(min)(one, V(mul)(V(max)(zero, x), huge));
      return V(mul)(dy, V(min)(one, V(mul)(step, huge)));
    }
    default: return dy;
  }
  V(vec) e = V(exp2)(argument), sigma = V(reciprocal)(V(add)(e, one));
  return V(mul)(dy, V(fma)(V(mul)(V(mul)(x, slope), V(mul)(e, sigma)), sigma, sigma));
}

TARGET DK_INLINE V(vec) V(combine)(dk_operation operation, dk_activation activation, V(vec) a, V(vec) b) {
  switch (operation) {
    case DK_ADD: return V(add)(a, b);
    case DK_ACTIVATE_MULTIPLY: return V(mul)(V(activate)(activation, a), b);
    case DK_MULTIPLY_ADD: return V(mul)(a, b);
    case DK_ACTIVATE_GRADIENT: return V(activation_gradient)(activation, a, b);
    default: return V(activate)(activation, a);
  }
}

TARGET static void V(elementwise_row)(dk_operation operation, dk_activation activation, long columns, dk_type a_type, const void *a,
                                      dk_type b_type, const void *b, dk_type out_type, void *out) {
  const int adds = operation == DK_MULTIPLY_ADD || operation == DK_ACTIVATE_GRADIENT;
  long i = 0;
  for (; i + LANES <= columns; i += LANES) {
    V(vec) x = V(load_row)(a_type, a, i), y = operation == DK_ACTIVATE ? x : V(load_row)(b_type, b, i);
    V(vec) result = V(combine)(operation, activation, x, y);
    if (adds) result = V(add)(V(load_row)(out_type, out, i), result);
    V(store_row)(out_type, out, i, result);
  }
  if (i < columns) {
    V(vec) x = V(load_row_n)(a_type, a, i, columns - i);
    V(vec) y = operation == DK_ACTIVATE ? x : V(load_row_n)(b_type, b, i, columns - i);
    V(vec) result = V(combine)(operation, activation, x, y);
    if (adds) result = V(add)(V(load_row_n)(out_type, out, i, columns - i), result);
    V(store_row_n)(out_type, out, i, result, columns - i);
  }
}
