// AVX2 with FMA and F16C, 8 lanes; and the same with AVX-VNNI's dot products of bytes.
#include "kernel_table.h"
#if DK_X86
#include "simd_avx2.h"
#define TILE 2
#define HEIGHT(panels) 6
#include "templates.h"
#include "convert_avx2.h"
#include "linear_tile.h"

// ---------------------------------------------------------------- tiles: 12 of 16 registers hold sums

DK_TARGET_AVX2 DK_INLINE __m256 load_bf16_avx2_tile(const char *p) {
  __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
  return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}
#define X_F32(p) _mm256_set1_ps(load_float(p))
#define X_WORD(p) _mm256_set1_epi32(load_word(p))
#define W_F32(p) _mm256_loadu_ps((const float *)(p))
#define W_WIDENED(p) load_bf16_avx2_tile(p)
#define W_I8(p) _mm256_loadu_si256((const __m256i *)(p))
#define W_I8_PAIRS(p) _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(p)))
#define FMA(c, a, b) _mm256_fmadd_ps(a, b, c)
#define DOT_U8(c, a, b) _mm256_dpbusd_avx_epi32(c, a, b)
#define DOT_I16(c, a, b) _mm256_add_epi32(c, _mm256_madd_epi16(a, b))
DK_TILE(f32_avx2, DK_TARGET_AVX2, 6, 2, __m256, 4, X_F32, 32, W_F32, FMA)
DK_TILE(widened_avx2, DK_TARGET_AVX2, 6, 2, __m256, 4, X_F32, 16, W_WIDENED, FMA)
DK_TILE(u8_avx2, DK_TARGET_AVX2_VNNI, 6, 2, __m256i, 4, X_WORD, 32, W_I8, DOT_U8)
DK_TILE(i16_avx2, DK_TARGET_AVX2, 6, 2, __m256i, 4, X_WORD, 16, W_I8_PAIRS, DOT_I16)

// rows, columns, step, bytes of a weight, format and bytes of x
static const dk_gemm f32 = DK_GEMM(6, 16, 1, 4, DK_X_F32, 4, f32_avx2);
static const dk_gemm widened = DK_GEMM(6, 16, 1, 2, DK_X_F32, 4, widened_avx2);
static const dk_gemm u8 = DK_GEMM(6, 16, 4, 1, DK_X_U8, 1, u8_avx2);
static const dk_gemm i16 = DK_GEMM(6, 16, 2, 1, DK_X_I16, 2, i16_avx2);

// ---------------------------------------------------------------- tables

#define COMMON                                        \
  .convert = &dk_conversions_avx2,                    \
  .attend = {attend_avx2, attend_avx2},               \
  .convolver = {&convolver_avx2, &convolver_avx2},    \
  DK_TEMPLATES

const dk_kernels dk_kernels_avx2 = {
  .level = DK_CPU_AVX2,
  .name = "avx2",
  .needs = DK_HAS_AVX2,
  .gemm = {&f32, &widened, &i16},
  COMMON,
};

const dk_kernels dk_kernels_avx2_vnni = {
  .level = DK_CPU_AVX2_VNNI,
  .name = "avx2-vnni",
  .needs = DK_HAS_AVX2 | DK_HAS_AVX_VNNI,
  .vnni = 1,
  .gemm = {&f32, &widened, &u8},
  COMMON,
};
#endif
