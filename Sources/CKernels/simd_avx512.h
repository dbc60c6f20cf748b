// Selects AVX-512 for the template that is included next. See simd.h.
#undef V
#undef LANES
#undef TARGET
#define V(name) name##_avx512
#define LANES 16
#define TARGET DK_TARGET_AVX512

#ifndef DK_SIMD_AVX512
#define DK_SIMD_AVX512
#define OP TARGET DK_INLINE
typedef __m512 V(vec);
OP __mmask16 V(mask)(long count) { return (__mmask16)(count >= 16 ? 0xffff : (1u << count) - 1); }
OP V(vec) V(set)(float x) { return _mm512_set1_ps(x); }
OP V(vec) V(load)(const float *p) { return _mm512_loadu_ps(p); }
OP V(vec) V(load_n)(const float *p, long count) { return _mm512_maskz_loadu_ps(V(mask)(count), p); }
OP void V(store)(float *p, V(vec) x) { _mm512_storeu_ps(p, x); }
OP void V(store_n)(float *p, V(vec) x, long count) { _mm512_mask_storeu_ps(p, V(mask)(count), x); }
// 32 words, or the first `count` of them and zeros; any count.
OP __m512i V(load_words_n)(const uint16_t *p, long count) {
  return _mm512_maskz_loadu_epi16(count >= 32 ? 0xffffffffu : count <= 0 ? 0 : (1u << count) - 1, p);
}
OP V(vec) V(widen)(__m256i x) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16)); }
OP V(vec) V(load_bf16)(const uint16_t *p) { return V(widen)(_mm256_loadu_si256((const __m256i *)p)); }
OP V(vec) V(load_bf16_n)(const uint16_t *p, long count) { return V(widen)(_mm256_maskz_loadu_epi16(V(mask)(count), p)); }
OP __m256i V(narrow)(V(vec) x) {
  __m512i bits = _mm512_castps_si512(x);
  __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
  __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  rounded = _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x400000));
  return _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16));
}
OP void V(store_bf16)(uint16_t *p, V(vec) x) { _mm256_storeu_si256((__m256i *)p, V(narrow)(x)); }
OP void V(store_bf16_n)(uint16_t *p, V(vec) x, long count) { _mm256_mask_storeu_epi16(p, V(mask)(count), V(narrow)(x)); }
// a - b of integers, as floats
OP V(vec) V(load_difference)(const int32_t *a, const int32_t *b) {
  return _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_loadu_si512(a), _mm512_loadu_si512(b)));
}
typedef __m512i V(integers);
OP V(vec) V(from_integers)(V(integers) x) { return _mm512_cvtepi32_ps(x); }
// Rounded to nearest even.
// Rounded; a in the low halves, b in the high ones. Both fit 16 bits.
OP V(integers) V(pair_levels)(V(vec) a, V(vec) b) {
  __m512i high = _mm512_slli_epi32(_mm512_cvtps_epi32(b), 16);
  return _mm512_mask_mov_epi16(high, 0x55555555, _mm512_cvtps_epi32(a));
}
OP __m256i V(to_i16)(V(vec) x) { return _mm512_cvtsepi32_epi16(_mm512_cvtps_epi32(x)); }
OP void V(store_i16)(int16_t *p, V(vec) x) { _mm256_storeu_si256((__m256i *)p, V(to_i16)(x)); }
OP void V(store_i16_n)(int16_t *p, V(vec) x, long count) { _mm256_mask_storeu_epi16(p, V(mask)(count), V(to_i16)(x)); }
OP V(vec) V(add)(V(vec) a, V(vec) b) { return _mm512_add_ps(a, b); }
OP V(vec) V(sub)(V(vec) a, V(vec) b) { return _mm512_sub_ps(a, b); }
OP V(vec) V(mul)(V(vec) a, V(vec) b) { return _mm512_mul_ps(a, b); }
OP V(vec) V(div)(V(vec) a, V(vec) b) { return _mm512_div_ps(a, b); }
OP V(vec) V(fma)(V(vec) a, V(vec) b, V(vec) c) { return _mm512_fmadd_ps(a, b, c); }
// The second operand wins when either is NaN: keep the data there.
OP V(vec) V(max)(V(vec) a, V(vec) b) { return _mm512_max_ps(a, b); }
OP V(vec) V(min)(V(vec) a, V(vec) b) { return _mm512_min_ps(a, b); }
OP V(vec) V(round)(V(vec) x) { return _mm512_roundscale_ps(x, 0); }
OP V(vec) V(scale2)(V(vec) x, V(vec) n) { return _mm512_scalef_ps(x, n); }  // x * 2^n
// 1/x to about 1e-7 (one Newton step on rcp14): half the time of a division. x must be finite and normal.
OP V(vec) V(reciprocal)(V(vec) x) {
  __m512 r = _mm512_rcp14_ps(x);
  return _mm512_fmadd_ps(_mm512_fnmadd_ps(x, r, _mm512_set1_ps(1)), r, r);
}
// By their bits, as of integers: `most` is a magnitude already.
OP V(vec) V(larger_magnitude)(V(vec) most, V(vec) x) {
  __m512i magnitude = _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7fffffff));
  return _mm512_castsi512_ps(_mm512_max_epu32(_mm512_castps_si512(most), magnitude));
}
OP uint32_t V(largest_bits)(V(vec) x) { return _mm512_reduce_max_epu32(_mm512_castps_si512(x)); }
OP float V(sum)(V(vec) x) { return _mm512_reduce_add_ps(x); }
OP float V(largest)(V(vec) x) { return _mm512_reduce_max_ps(x); }
#undef OP
#include "simd_math.h"

// ---------------------------------------------------------------- between tiles (amx.h), rounded to bfloat16 next

// 0.5 x (1 + tanh(√(2/π)(x + 0.044715 x³))) by one of 31 parabolas, each 2/7 wide; x itself above 4.3, zero below. Off by
// 1e-4 at most, a twentieth of what rounding to bfloat16 changes (in the mean square 1/400). Seven instructions instead of
// twenty, of which only four need the port that AMX leaves free. NaN stays NaN; infinities become NaN.
static const float parabolas[3][32] __attribute__((aligned(64))) = {
  {0.0f, -0.0010573098f, -0.0172362104f, -0.0727161169f, -0.173817337f, -0.295062363f, -0.392759949f, -0.431847751f,
   -0.403826684f, -0.326268822f, -0.229363143f, -0.140448883f, -0.0747035891f, -0.0343334563f, -0.0135442456f, 0.0f,
   0.0f, 0.0f, -0.0135442456f, -0.0343334563f, -0.0747035891f, -0.140448883f, -0.229363143f, -0.326268822f,
   -0.403826684f, -0.431847751f, -0.392759949f, -0.295062363f, -0.173817337f, -0.0727161169f, -0.0172362104f, -0.0010573098f},
  {0.5f, 0.511555374f, 0.584732711f, 0.739220917f, 0.941887259f, 1.13168538f, 1.25731039f, 1.30036211f,
   1.27471829f, 1.21098661f, 1.13950598f, 1.08007812f, 1.03991938f, 1.01721752f, 1.00638676f, 1.0f,
   0.0f, 0.0f, -0.00638679462f, -0.0172175653f, -0.0399194211f, -0.0800780803f, -0.139506012f, -0.210986569f,
   -0.274718314f, -0.30036208f, -0.25731039f, -0.131685317f, 0.0581127629f, 0.260779113f, 0.415267289f, 0.488444626f},
  {0.397808999f, 0.366098046f, 0.282677084f, 0.174779981f, 0.0730436742f, -0.00130746863f, -0.0417152531f, -0.0535699129f,
   -0.0477032177f, -0.0346070118f, -0.0214224607f, -0.0114906412f, -0.00535729574f, -0.00216536038f, -0.00075457088f, 0.0f,
   0.0f, 0.0f, -0.00075457088f, -0.00216536038f, -0.00535729574f, -0.0114906412f, -0.0214224607f, -0.0346070118f,
   -0.0477032177f, -0.0535699129f, -0.0417152531f, -0.00130746863f, 0.0730436742f, 0.174779981f, 0.282677084f, 0.366098046f},
};
TARGET DK_INLINE V(vec) V(gelu_coarse)(V(vec) x) {
  const __m512 inside = _mm512_range_ps(x, _mm512_set1_ps(4.425f), 2);  // the smaller magnitude, with the sign of x
  // The number of the parabola, rounded into the low bits.
  const __m512 place = _mm512_fmadd_ps(inside, _mm512_set1_ps(3.5f), _mm512_set1_ps(12582912.0f));
  __m512 c[3];
  DK_UNROLL for (int i = 0; i < 3; i++)
    c[i] = _mm512_permutex2var_ps(_mm512_load_ps(parabolas[i]), _mm512_castps_si512(place), _mm512_load_ps(parabolas[i] + 16));
  return _mm512_fmadd_ps(_mm512_fmadd_ps(c[2], x, c[1]), x, c[0]);
}

// 2ˣ for x <= 0, off by 1e-4 of itself. Six instructions. No denormal results: those are slow.
TARGET DK_INLINE V(vec) V(exp2_coarse)(V(vec) x) {
  x = _mm512_max_ps(_mm512_set1_ps(-125), x);
  const __m512 r = _mm512_reduce_ps(x, 0x09);  // x - floor(x)
  __m512 p = _mm512_fmadd_ps(_mm512_set1_ps(0.0790201f), r, _mm512_set1_ps(0.2241271f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.6968386f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.9998977f));
  return _mm512_scalef_ps(p, x);  // · 2^floor(x)
}

// As bfloat16 by avx512_bf16, which takes denormal numbers for zeros.
DK_TARGET_AVX512_BF16 DK_INLINE void V(store_as_bf16)(uint16_t *p, V(vec) x) {
  _mm256_storeu_si256((__m256i *)p, (__m256i)_mm512_cvtneps_pbh(x));
}
DK_TARGET_AVX512_BF16 DK_INLINE void V(store_two_as_bf16)(uint16_t *p, V(vec) low, V(vec) high) {
  _mm512_storeu_si512(p, (__m512i)_mm512_cvtne2ps_pbh(high, low));
}
#endif
