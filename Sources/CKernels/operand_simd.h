// What attention and convolution multiply: units of four bytes. Template (see simd.h), included before both with
//   A(name)  the name of a function of this variant
//   UNITS    DK_F32_UNITS, DK_BF16_UNITS (multiplied by avx512_bf16) or DK_I16_UNITS (by DOT_I16)
// Sums of integers stay exact for as many units as their levels allow; then they are widened to floats.

#undef PAIRS
#define PAIRS (UNITS != DK_F32_UNITS)

#if UNITS == DK_BF16_UNITS
typedef __m512bh A(operand);
typedef V(vec) A(accumulator);
TARGET DK_INLINE V(vec) A(multiply_add)(A(operand) a, A(operand) b, V(vec) c) { return _mm512_dpbf16_ps(c, a, b); }
#elif UNITS == DK_I16_UNITS
typedef V(integers) A(operand);
typedef V(integers) A(accumulator);
TARGET DK_INLINE V(integers) A(multiply_add)(V(integers) a, V(integers) b, V(integers) c) { return DOT_I16(c, a, b); }
#else
typedef V(vec) A(operand);
typedef V(vec) A(accumulator);
TARGET DK_INLINE V(vec) A(multiply_add)(A(operand) a, A(operand) b, V(vec) c) { return V(fma)(a, b, c); }
#endif

TARGET DK_INLINE A(accumulator) A(no_sum)(void) {
  A(accumulator) zero;
  memset(&zero, 0, sizeof zero);
  return zero;
}
TARGET DK_INLINE A(operand) A(read)(const void *p) {
  A(operand) units;
  memcpy(&units, p, sizeof units);
  return units;
}
// One unit, of any alignment, in every lane.
TARGET DK_INLINE A(operand) A(broadcast)(const void *p) {
  float value;
  memcpy(&value, p, 4);
  return (A(operand))V(set)(value);
}
