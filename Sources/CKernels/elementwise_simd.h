// One row of an elementwise operation. Template: see simd.h.

TARGET DK_INLINE V(vec) V(combine)(dk_operation operation, dk_activation activation, V(vec) a, V(vec) b) {
  switch (operation) {
    case DK_ADD: return V(add)(a, b);
    case DK_ACTIVATE_MULTIPLY: return V(mul)(V(activate)(activation, a), b);
    default: return V(activate)(activation, a);
  }
}

TARGET static void V(elementwise_row)(dk_operation operation, dk_activation activation, long columns, dk_type a_type, const void *a,
                                      dk_type b_type, const void *b, dk_type out_type, void *out) {
  long i = 0;
  for (; i + LANES <= columns; i += LANES) {
    V(vec) x = V(load_row)(a_type, a, i), y = operation == DK_ACTIVATE ? x : V(load_row)(b_type, b, i);
    V(store_row)(out_type, out, i, V(combine)(operation, activation, x, y));
  }
  if (i < columns) {
    V(vec) x = V(load_row_n)(a_type, a, i, columns - i);
    V(vec) y = operation == DK_ACTIVATE ? x : V(load_row_n)(b_type, b, i, columns - i);
    V(store_row_n)(out_type, out, i, V(combine)(operation, activation, x, y), columns - i);
  }
}
