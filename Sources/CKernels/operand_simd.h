// What attention and convolution multiply: units of four bytes. Template (see simd.h), included before both with
//   A(name)  the name of a function of this variant
//   UNITS    DK_F32_UNITS, DK_BF16_UNITS (where the processor multiplies them) or DK_I16_UNITS (by DOT_I16)
// Sums of integers stay exact for as many units as their levels allow; then they are widened to floats.

#undef PAIRS
#define PAIRS (UNITS != DK_F32_UNITS)

#if UNITS == DK_F32_UNITS
typedef V(vec) A(operand);
typedef V(vec) A(accumulator);
TARGET DK_INLINE V(vec) A(multiply_add)(A(operand) a, A(operand) b, V(vec) c) { return V(fma)(a, b, c); }
#elif UNITS == DK_I16_UNITS
typedef V(integers) A(operand);
typedef V(integers) A(accumulator);
TARGET DK_INLINE V(integers) A(multiply_add)(V(integers) a, V(integers) b, V(integers) c) { return DOT_I16(c, a, b); }
#elif LANES == 16
typedef __m512bh A(operand);
typedef V(vec) A(accumulator);
TARGET DK_INLINE V(vec) A(multiply_add)(A(operand) a, A(operand) b, V(vec) c) { return _mm512_dpbf16_ps(c, a, b); }
#else
typedef bfloat16x8_t A(operand);
typedef V(vec) A(accumulator);
TARGET DK_INLINE V(vec) A(multiply_add)(A(operand) a, A(operand) b, V(vec) c) { return vbfdotq_f32(c, a, b); }
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

#if UNITS == DK_I16_UNITS
// `count` numbers of a row from `column` on as levels, of which 1 is `levels`; what is left of the last pair is 0.
TARGET DK_INLINE void A(read_levels)(dk_type type, const void *row, long column, long count, float levels, unit *to) {
  int16_t *halves = (int16_t *)to;
  if (count & 1) halves[count] = 0;
  const V(vec) factor = V(set)(levels);
  long i = 0;
  for (; i + LANES <= count; i += LANES) V(store_i16)(halves + i, V(mul)(V(load_row)(type, row, column + i), factor));
  if (i < count)
    V(store_i16_n)(halves + i, V(mul)(V(load_row_n)(type, row, column + i, count - i), factor), count - i);
}
#endif

// Weights of two neighbouring keys as pairs, those of `low` in the low halves.
#if UNITS == DK_I16_UNITS
TARGET DK_INLINE void A(store_weights)(unit *to, V(vec) low, V(vec) high, V(vec) levels) {
  V(integers) pairs = V(pair_levels)(V(mul)(low, levels), V(mul)(high, levels));
  memcpy(to, &pairs, sizeof pairs);
}
#elif UNITS == DK_BF16_UNITS && LANES == 16
TARGET DK_INLINE void A(store_weights)(unit *to, V(vec) low, V(vec) high, V(vec) levels) {
  (void)levels;
  __m512i upper = _mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(high)), 16);
  _mm512_storeu_si512(to, _mm512_or_si512(_mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(low)), upper));
}
#elif UNITS == DK_BF16_UNITS
TARGET DK_INLINE void A(store_weights)(unit *to, V(vec) low, V(vec) high, V(vec) levels) {
  (void)levels;
  uint16x8_t lower = vreinterpretq_u16_bf16(vcvtq_low_bf16_f32(low));
  uint16x8_t upper = vreinterpretq_u16_bf16(vcvtq_low_bf16_f32(high));
  vst1q_u32(to, vreinterpretq_u32_u16(vzip1q_u16(lower, upper)));
}
#endif
