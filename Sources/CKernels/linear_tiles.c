// The tile loops of every instruction set, and which of them an engine uses.
#include "linear.h"
#include "linear_tile.h"

DK_INLINE int32_t load_word(const char *p) {
  int32_t x;
  memcpy(&x, p, 4);
  return x;
}
DK_INLINE float load_float(const char *p) {
  float x;
  memcpy(&x, p, 4);
  return x;
}
DK_INLINE int16_t load_short(const char *p) {
  int16_t x;
  memcpy(&x, p, 2);
  return x;
}

#if DK_X86
// ---------------------------------------------------------------- AVX-512: 24 of 32 registers hold sums

#define X_F32(p) _mm512_set1_ps(load_float(p))
#define X_WORD(p) _mm512_set1_epi32(load_word(p))
#define X_BF16(p) ((__m512bh)_mm512_set1_epi32(load_word(p)))
#define W_F32(p) _mm512_loadu_ps((const float *)(p))
#define W_BF16(p) ((__m512bh)_mm512_loadu_si512(p))
#define W_WIDENED(p) load_bf16_avx512_tile(p)
#define W_I8(p) _mm512_loadu_si512(p)
#define W_I8_PAIRS(p) _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(p)))
#define FMA(c, a, b) _mm512_fmadd_ps(a, b, c)
#define DOT_BF16(c, a, b) _mm512_dpbf16_ps(c, a, b)
#define DOT_U8(c, a, b) _mm512_dpbusd_epi32(c, a, b)
#define DOT_I16(c, a, b) _mm512_add_epi32(c, _mm512_madd_epi16(a, b))
DK_TARGET_AVX512 DK_INLINE __m512 load_bf16_avx512_tile(const char *p) {
  __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
  return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}
DK_TILE(f32_avx512, DK_TARGET_AVX512, 8, 3, __m512, 4, X_F32, 64, W_F32, FMA)
DK_TILE(bf16_avx512, DK_TARGET_AVX512_BF16, 8, 3, __m512, 4, X_BF16, 64, W_BF16, DOT_BF16)
DK_TILE(widened_avx512, DK_TARGET_AVX512, 8, 3, __m512, 4, X_F32, 32, W_WIDENED, FMA)
DK_TILE(u8_avx512, DK_TARGET_AVX512_VNNI, 8, 3, __m512i, 4, X_WORD, 64, W_I8, DOT_U8)
DK_TILE(i16_avx512, DK_TARGET_AVX512, 8, 3, __m512i, 4, X_WORD, 32, W_I8_PAIRS, DOT_I16)
#undef X_F32
#undef X_WORD
#undef W_F32
#undef W_WIDENED
#undef W_I8_PAIRS
#undef FMA
#undef DOT_I16

// ---------------------------------------------------------------- AVX2: 12 of 16

#define X_F32(p) _mm256_set1_ps(load_float(p))
#define X_WORD(p) _mm256_set1_epi32(load_word(p))
#define W_F32(p) _mm256_loadu_ps((const float *)(p))
#define W_WIDENED(p) load_bf16_avx2_tile(p)
#define W_I8_PAIRS(p) _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(p)))
#define FMA(c, a, b) _mm256_fmadd_ps(a, b, c)
#define W_I8_256(p) _mm256_loadu_si256((const __m256i *)(p))
#define DOT_U8_256(c, a, b) _mm256_dpbusd_avx_epi32(c, a, b)
#define DOT_I16(c, a, b) _mm256_add_epi32(c, _mm256_madd_epi16(a, b))
DK_TARGET_AVX2 DK_INLINE __m256 load_bf16_avx2_tile(const char *p) {
  __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
  return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}
DK_TILE(f32_avx2, DK_TARGET_AVX2, 6, 2, __m256, 4, X_F32, 32, W_F32, FMA)
DK_TILE(widened_avx2, DK_TARGET_AVX2, 6, 2, __m256, 4, X_F32, 16, W_WIDENED, FMA)
DK_TILE(u8_avx2, DK_TARGET_AVX2_VNNI, 6, 2, __m256i, 4, X_WORD, 32, W_I8_256, DOT_U8_256)
DK_TILE(i16_avx2, DK_TARGET_AVX2, 6, 2, __m256i, 4, X_WORD, 16, W_I8_PAIRS, DOT_I16)
#undef X_F32
#undef X_WORD
#undef W_F32
#undef W_WIDENED
#undef W_I8_PAIRS
#undef FMA
#undef DOT_I16
#endif

// ---------------------------------------------------------------- portable: four lanes

typedef float f32x4 __attribute__((ext_vector_type(4)));
typedef int32_t i32x4 __attribute__((ext_vector_type(4)));
#define X_F32(p) ((f32x4)(load_float(p)))
#define X_SHORT(p) ((i32x4)((int32_t)load_short(p)))
#define W_F32(p) load_f32x4(p)
#define W_WIDENED(p) load_widened_f32x4(p)
#define W_I8_FOUR(p) load_i8_i32x4(p)
#define MULTIPLY_ADD(c, a, b) ((a) * (b) + (c))
DK_INLINE f32x4 load_f32x4(const char *p) {
  f32x4 x;
  memcpy(&x, p, 16);
  return x;
}
DK_INLINE f32x4 load_widened_f32x4(const char *p) {
  uint16_t __attribute__((ext_vector_type(4))) x;
  memcpy(&x, p, 8);
  return (f32x4)(__builtin_convertvector(x, i32x4) << 16);
}
DK_INLINE i32x4 load_i8_i32x4(const char *p) {
  int8_t __attribute__((ext_vector_type(4))) x;
  memcpy(&x, p, 4);
  return __builtin_convertvector(x, i32x4);
}
#define NO_TARGET
DK_TILE(f32_portable, NO_TARGET, 6, 2, f32x4, 4, X_F32, 16, W_F32, MULTIPLY_ADD)
DK_TILE(widened_portable, NO_TARGET, 6, 2, f32x4, 4, X_F32, 8, W_WIDENED, MULTIPLY_ADD)
DK_TILE(i16_portable, NO_TARGET, 6, 2, i32x4, 2, X_SHORT, 4, W_I8_FOUR, MULTIPLY_ADD)

// ---------------------------------------------------------------- choice

const dk_gemm *dk_gemm_choose(const dk_engine *engine, dk_weight_kind kind) {
  (void)engine;
  // rows, columns, step, bytes of a weight, format and bytes of x
#if DK_X86
  static const dk_gemm f32_512 = {8, 48, 1, 4, DK_X_F32, 4, f32_avx512}, bf16_512 = {8, 48, 2, 2, DK_X_BF16, 2, bf16_avx512},
                       widened_512 = {8, 48, 1, 2, DK_X_F32, 4, widened_avx512}, u8_512 = {8, 48, 4, 1, DK_X_U8, 1, u8_avx512},
                       i16_512 = {8, 48, 2, 1, DK_X_I16, 2, i16_avx512};
  static const dk_gemm f32_256 = {6, 16, 1, 4, DK_X_F32, 4, f32_avx2}, widened_256 = {6, 16, 1, 2, DK_X_F32, 4, widened_avx2},
                       u8_256 = {6, 16, 4, 1, DK_X_U8, 1, u8_avx2}, i16_256 = {6, 16, 2, 1, DK_X_I16, 2, i16_avx2};
  if (engine->level == DK_CPU_AVX512) {
    if (kind == DK_WEIGHT_F32) return &f32_512;
    if (kind == DK_WEIGHT_BF16) return engine->bf16 ? &bf16_512 : &widened_512;
    return engine->vnni ? &u8_512 : &i16_512;
  }
  if (engine->level == DK_CPU_AVX2) {
    if (kind == DK_WEIGHT_F32) return &f32_256;
    if (kind == DK_WEIGHT_BF16) return &widened_256;
    return engine->vnni ? &u8_256 : &i16_256;
  }
#endif
  static const dk_gemm f32_128 = {6, 8, 1, 4, DK_X_F32, 4, f32_portable}, widened_128 = {6, 8, 1, 2, DK_X_F32, 4, widened_portable},
                       i16_128 = {6, 8, 1, 1, DK_X_I16, 2, i16_portable};
  return kind == DK_WEIGHT_F32 ? &f32_128 : kind == DK_WEIGHT_BF16 ? &widened_128 : &i16_128;
}
