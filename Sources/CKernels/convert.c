// Numbers as files store them to float32 and back. Pointers may have any alignment.
#include "simd.h"

#include <math.h>

#if DK_X86
#include "simd_avx2.h"
#endif

// ---------------------------------------------------------------- reference: one number at a time

static float f16_to_f32(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 1023, bits;
  if (exponent == 31) bits = sign | 0x7f800000 | fraction << 13 | (fraction ? 0x400000 : 0);
  else if (exponent) bits = sign | (exponent + 112) << 23 | fraction << 13;
  else {
    float value = (float)fraction * 0x1p-24f;  // exact
    return sign ? -value : value;
  }
  float result;
  memcpy(&result, &bits, 4);
  return result;
}

static uint16_t f32_to_f16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
  bits &= 0x7fffffff;
  if (bits > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (bits >> 13 & 0x3ff));
  if (bits >= 0x477ff000) return sign | 0x7c00;  // rounds to infinity
  if (bits < 0x38800000) {                       // denormal: adding 0.5 leaves round(value · 2²⁴) in the low bits
    float magnitude;
    memcpy(&magnitude, &bits, 4);
    magnitude += 0.5f;
    memcpy(&bits, &magnitude, 4);
    return (uint16_t)(sign | (bits - 0x3f000000));
  }
  return (uint16_t)(sign | ((bits - 0x38000000 + 0xfff + (bits >> 13 & 1)) >> 13));
}

static inline float load_f32(const char *p) {
  float x;
  memcpy(&x, p, 4);
  return x;
}

static inline uint16_t load_16(const char *p) {
  uint16_t x;
  memcpy(&x, p, 2);
  return x;
}

static float one_to_f32(dk_stored type, const char *from, long i) {
  double wide;
  switch (type) {
    case DK_STORED_F32: return load_f32(from + 4 * i);
    case DK_STORED_F16: return f16_to_f32(load_16(from + 2 * i));
    case DK_STORED_BF16: return dk_bf16_to_f32(load_16(from + 2 * i));
    case DK_STORED_F64: memcpy(&wide, from + 8 * i, 8); return (float)wide;
    case DK_STORED_I8: return (float)((const int8_t *)from)[i];
  }
  return 0;
}

static void one_from_f32(dk_stored type, float value, char *to, long i) {
  uint16_t half;
  double wide = value;
  switch (type) {
    case DK_STORED_F32: memcpy(to + 4 * i, &value, 4); break;
    case DK_STORED_F64: memcpy(to + 8 * i, &wide, 8); break;
    case DK_STORED_F16: half = f32_to_f16(value); memcpy(to + 2 * i, &half, 2); break;
    case DK_STORED_BF16: half = dk_f32_to_bf16(value); memcpy(to + 2 * i, &half, 2); break;
    case DK_STORED_I8: break;
  }
}

// ---------------------------------------------------------------- AVX2 (wider vectors win nothing: memory is the limit)

#if DK_X86
static int have_avx2(void) {
  static int known = -1;  // written with one value only, so a race is harmless
  if (known < 0) known = dk_cpu_best_level() >= DK_CPU_AVX2;
  return known;
}

// Each returns how many numbers it did, a multiple of 8; the caller does the rest.
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
#endif

// ---------------------------------------------------------------- the functions of CKernels.h

void dk_to_f32(dk_stored type, const void *from, long count, float *to) {
  const char *bytes = from;
  if (type == DK_STORED_F32) {
    memcpy(to, from, (size_t)count * 4);
    return;
  }
  long i = 0;
#if DK_X86
  if (type == DK_STORED_F16 && have_avx2()) i = f16_to_f32_avx2(bytes, count, to);
  if (type == DK_STORED_BF16 && have_avx2()) i = bf16_to_f32_avx2(bytes, count, to);
#endif
  for (; i < count; i++) to[i] = one_to_f32(type, bytes, i);
}

void dk_from_f32(dk_stored type, const float *from, long count, void *to) {
  if (type == DK_STORED_F32) {
    memcpy(to, from, (size_t)count * 4);
    return;
  }
  long i = 0;
#if DK_X86
  if (type == DK_STORED_F16 && have_avx2()) i = f32_to_f16_avx2(from, count, to);
  if (type == DK_STORED_BF16 && have_avx2()) i = f32_to_bf16_avx2(from, count, to);
#endif
  for (; i < count; i++) one_from_f32(type, from[i], to, i);
}

void dk_i8_to_f32(const int8_t *from, float scale, long count, float *to) {
  long i = 0;
#if DK_X86
  if (have_avx2()) i = i8_to_f32_avx2(from, scale, count, to);
#endif
  for (; i < count; i++) to[i] = (float)from[i] * scale;
}

float dk_f32_to_i8(const float *from, long count, int8_t *to) {
  float largest = 0;
  long i = 0;
#if DK_X86
  if (have_avx2()) i = most_avx2(from, count, &largest);
#endif
  for (; i < count; i++) largest = fmaxf(largest, fabsf(from[i]));
  float scale = largest / 127;
  if (!(scale > 0)) scale = 1;
  i = 0;
#if DK_X86
  if (have_avx2()) i = f32_to_i8_avx2(from, scale, count, to);
#endif
  for (; i < count; i++) {
    float q = rintf(from[i] / scale);
    to[i] = (int8_t)(q > 127 ? 127 : q < -127 ? -127 : q);
  }
  return scale;
}
