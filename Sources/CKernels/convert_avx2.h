// Conversions eight numbers at a time (convert.c has them one at a time). Wider vectors win nothing: memory is the limit.
// Included by kernels_avx2.c only.
#include <math.h>

DK_TARGET_AVX2 static long f16_to_f32_avx2(const char *from, long count, float *to) {
  long i = 0;
  for (; i + 8 <= count; i += 8)
    _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(from + 2 * i))));
  return i;
}

DK_TARGET_AVX2 static long bf16_to_f32_avx2(const char *from, long count, float *to) {
  long i = 0;
  for (; i + 8 <= count; i += 8) _mm256_storeu_ps(to + i, load_bf16_avx2((const uint16_t *)(from + 2 * i)));
  return i;
}

DK_TARGET_AVX2 static long f32_to_f16_avx2(const float *from, long count, char *to) {
  long i = 0;
  for (; i + 8 <= count; i += 8)
    _mm_storeu_si128((__m128i *)(to + 2 * i), _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
  return i;
}

DK_TARGET_AVX2 static long f32_to_bf16_avx2(const float *from, long count, char *to) {
  long i = 0;
  for (; i + 8 <= count; i += 8) store_bf16_avx2((uint16_t *)(to + 2 * i), _mm256_loadu_ps(from + i));
  return i;
}

DK_TARGET_AVX2 static long i8_to_f32_avx2(const int8_t *from, float scale, long count, float *to) {
  long i = 0;
  __m256 factor = _mm256_set1_ps(scale);
  for (; i + 8 <= count; i += 8) {
    __m256i wide = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(from + i)));
    _mm256_storeu_ps(to + i, _mm256_mul_ps(_mm256_cvtepi32_ps(wide), factor));
  }
  return i;
}

DK_TARGET_AVX2 static long f32_to_i8_avx2(const float *from, float scale, long count, int8_t *to) {
  long i = 0;
  __m256 divisor = _mm256_set1_ps(scale);
  for (; i + 8 <= count; i += 8) {
    __m256i q = _mm256_cvtps_epi32(_mm256_div_ps(_mm256_loadu_ps(from + i), divisor));
    __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
    _mm_storel_epi64((__m128i *)(to + i), _mm_packs_epi16(words, words));
  }
  return i;
}

DK_TARGET_AVX2 static long most_avx2(const float *from, long count, float *largest) {
  long i = 0;
  __m256 most = _mm256_setzero_ps(), magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
  for (; i + 8 <= count; i += 8) most = _mm256_max_ps(most, _mm256_and_ps(_mm256_loadu_ps(from + i), magnitude));
  float lanes[8];
  _mm256_storeu_ps(lanes, most);
  for (int lane = 0; lane < 8; lane++) *largest = fmaxf(*largest, lanes[lane]);
  return i;
}

const dk_conversions dk_conversions_avx2 = {f16_to_f32_avx2, bf16_to_f32_avx2, f32_to_f16_avx2, f32_to_bf16_avx2,
                                            i8_to_f32_avx2,  f32_to_i8_avx2,   most_avx2};
