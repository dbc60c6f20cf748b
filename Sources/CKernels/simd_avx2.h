// Selects AVX2 + FMA for the template that is included next. See simd.h.
#undef V
#undef LANES
#undef TARGET
#define V(name) name##_avx2
#define LANES 8
#define TARGET DK_TARGET_AVX2

#ifndef DK_SIMD_AVX2
#define DK_SIMD_AVX2
#define OP TARGET DK_INLINE
typedef __m256 V(vec);
OP __m256i V(mask)(long count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
OP V(vec) V(set)(float x) { return _mm256_set1_ps(x); }
OP V(vec) V(load)(const float *p) { return _mm256_loadu_ps(p); }
OP V(vec) V(load_n)(const float *p, long count) { return _mm256_maskload_ps(p, V(mask)(count)); }
OP void V(store)(float *p, V(vec) x) { _mm256_storeu_ps(p, x); }
OP void V(store_n)(float *p, V(vec) x, long count) { _mm256_maskstore_ps(p, V(mask)(count), x); }
OP V(vec) V(widen)(__m128i x) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16)); }
OP V(vec) V(load_bf16)(const uint16_t *p) { return V(widen)(_mm_loadu_si128((const __m128i *)p)); }
OP V(vec) V(load_bf16_n)(const uint16_t *p, long count) {
  uint16_t part[8] = {0};
  memcpy(part, p, (size_t)(count < 8 ? count : 8) * 2);
  return V(load_bf16)(part);
}
OP __m128i V(narrow)(V(vec) x) {
  __m256i bits = _mm256_castps_si256(x);
  __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  __m256i rounded = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
  __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
  __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
  rounded = _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, nan), 16);
  return _mm_packus_epi32(_mm256_castsi256_si128(rounded), _mm256_extracti128_si256(rounded, 1));
}
OP void V(store_bf16)(uint16_t *p, V(vec) x) { _mm_storeu_si128((__m128i *)p, V(narrow)(x)); }
OP void V(store_bf16_n)(uint16_t *p, V(vec) x, long count) {
  uint16_t part[8];
  V(store_bf16)(part, x);
  memcpy(p, part, (size_t)(count < 8 ? count : 8) * 2);
}
OP V(vec) V(load_difference)(const int32_t *a, const int32_t *b) {
  __m256i left = _mm256_loadu_si256((const __m256i *)a), right = _mm256_loadu_si256((const __m256i *)b);
  return _mm256_cvtepi32_ps(_mm256_sub_epi32(left, right));
}
typedef __m256i V(integers);
OP V(vec) V(from_integers)(V(integers) x) { return _mm256_cvtepi32_ps(x); }
// Rounded to nearest even.
// Rounded; a in the low halves, b in the high ones. Both fit 16 bits.
OP V(integers) V(pair_levels)(V(vec) a, V(vec) b) {
  return _mm256_blend_epi16(_mm256_cvtps_epi32(a), _mm256_slli_epi32(_mm256_cvtps_epi32(b), 16), 0xaa);
}
OP void V(store_i16)(int16_t *p, V(vec) x) {
  __m256i whole = _mm256_cvtps_epi32(x);
  _mm_storeu_si128((__m128i *)p, _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1)));
}
OP void V(store_i16_n)(int16_t *p, V(vec) x, long count) {
  int16_t part[8];
  V(store_i16)(part, x);
  memcpy(p, part, (size_t)(count < 8 ? count : 8) * 2);
}
OP V(vec) V(add)(V(vec) a, V(vec) b) { return _mm256_add_ps(a, b); }
OP V(vec) V(sub)(V(vec) a, V(vec) b) { return _mm256_sub_ps(a, b); }
OP V(vec) V(mul)(V(vec) a, V(vec) b) { return _mm256_mul_ps(a, b); }
OP V(vec) V(div)(V(vec) a, V(vec) b) { return _mm256_div_ps(a, b); }
OP V(vec) V(fma)(V(vec) a, V(vec) b, V(vec) c) { return _mm256_fmadd_ps(a, b, c); }
OP V(vec) V(max)(V(vec) a, V(vec) b) { return _mm256_max_ps(a, b); }
OP V(vec) V(min)(V(vec) a, V(vec) b) { return _mm256_min_ps(a, b); }
OP V(vec) V(round)(V(vec) x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
OP V(vec) V(scale2)(V(vec) x, V(vec) n) {
  __m256i exponent = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
  return _mm256_mul_ps(x, _mm256_castsi256_ps(exponent));
}
OP V(vec) V(reciprocal)(V(vec) x) { return _mm256_div_ps(_mm256_set1_ps(1), x); }
// By their bits, as of integers: `most` is a magnitude already.
OP V(vec) V(larger_magnitude)(V(vec) most, V(vec) x) {
  __m256i magnitude = _mm256_and_si256(_mm256_castps_si256(x), _mm256_set1_epi32(0x7fffffff));
  return _mm256_castsi256_ps(_mm256_max_epu32(_mm256_castps_si256(most), magnitude));
}
OP uint32_t V(largest_bits)(V(vec) x) {
  __m256i bits = _mm256_castps_si256(x);
  __m128i half = _mm_max_epu32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256(bits, 1));
  half = _mm_max_epu32(half, _mm_shuffle_epi32(half, 0x4e));
  return (uint32_t)_mm_cvtsi128_si32(_mm_max_epu32(half, _mm_shuffle_epi32(half, 0xb1)));
}
OP float V(sum)(V(vec) x) {
  __m128 half = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}
OP float V(largest)(V(vec) x) {
  __m128 half = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  half = _mm_max_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
}
#undef OP
#include "simd_math.h"
#endif
