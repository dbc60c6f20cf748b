// What attention and convolution multiply: units of four bytes, each a float or a pair of bfloat16. Template (see simd.h),
// included before both with
//   A(name)  the name of a function of this variant
//   PAIRS    1: units are pairs of bfloat16, multiplied by avx512_bf16; 0: units are floats

#if PAIRS
typedef __m512bh A(operand);
// One unit, of any alignment, in every lane.
TARGET DK_INLINE A(operand) A(broadcast)(const void *p) {
  int pair;
  memcpy(&pair, p, 4);
  return (A(operand))_mm512_set1_epi32(pair);
}
TARGET DK_INLINE A(operand) A(read)(const void *p) { return (A(operand))_mm512_loadu_si512(p); }
TARGET DK_INLINE V(vec) A(multiply_add)(A(operand) a, A(operand) b, V(vec) c) { return _mm512_dpbf16_ps(c, a, b); }
#else
typedef V(vec) A(operand);
TARGET DK_INLINE A(operand) A(broadcast)(const void *p) {
  float value;
  memcpy(&value, p, 4);
  return V(set)(value);
}
TARGET DK_INLINE A(operand) A(read)(const void *p) { return V(load)((const float *)p); }
TARGET DK_INLINE V(vec) A(multiply_add)(A(operand) a, A(operand) b, V(vec) c) { return V(fma)(a, b, c); }
#endif
