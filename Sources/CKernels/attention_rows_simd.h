// Softmax of one row, for the scores that sgemm made. Template of attention.c: see simd.h.
TARGET static void V(softmax_row)(float *row, long count) {
  V(vec) most = V(set)(-1e30f), total = V(set)(0);
  float last[LANES];
  long whole = count / LANES * LANES, left = count - whole;
  for (int i = 0; i < LANES; i++) last[i] = i < left ? row[whole + i] : -1e30f;
  for (long i = 0; i < whole; i += LANES) most = V(max)(V(load)(row + i), most);
  V(vec) largest = V(set)(V(largest)(V(max)(V(load)(last), most)));
  for (long i = 0; i < whole; i += LANES) {
    V(vec) e = V(exp)(V(sub)(V(load)(row + i), largest));
    total = V(add)(total, e);
    V(store)(row + i, e);
  }
  V(store)(last, V(exp)(V(sub)(V(load)(last), largest)));
  for (int i = (int)left; i < LANES; i++) last[i] = 0;
  V(vec) factor = V(set)(1 / V(sum)(V(add)(total, V(load)(last))));
  for (long i = 0; i < whole; i += LANES) V(store)(row + i, V(mul)(V(load)(row + i), factor));
  if (left) V(store_n)(row + whole, V(mul)(V(load)(last), factor), left);
}
