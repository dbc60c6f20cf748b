// AVX2 with FMA and F16C, 8 lanes; and the same with AVX-VNNI's dot products of bytes.
#include "kernel_table.h"
#if DK_X86
#include "simd_avx2.h"
#define TILE 2
#define HEIGHT(panels) 6
#include "templates.h"
#include "convert_avx2.h"
#include "linear_tile.h"

// ---------------------------------------------------------------- attention and convolution of pairs

#define UNITS DK_I16_UNITS
#define DOT_I16(c, a, b) _mm256_add_epi32(c, _mm256_madd_epi16(a, b))
#define A(name) name##_i16
#include "products_simd.h"
#undef DOT_I16

#undef TARGET
#define TARGET DK_TARGET_AVX2_VNNI
#define DOT_I16(c, a, b) _mm256_dpwssd_avx_epi32(c, a, b)
#define A(name) name##_i16_vnni
#include "products_simd.h"
#undef DOT_I16

// ---------------------------------------------------------------- tiles: 12 of 16 registers hold sums

DK_TARGET_AVX2 DK_INLINE __m256 load_bf16_avx2_tile(const char *p) {
  __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
  return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}
#define X_F32(p) _mm256_set1_ps(load_float(p))
#define X_WORD(p) _mm256_set1_epi32(load_word(p))
#define W_F32(p) _mm256_loadu_ps((const float *)(p))
#define W_WIDENED(p) load_bf16_avx2_tile(p)
#define W_INTEGERS(p) _mm256_loadu_si256((const __m256i *)(p))
#define FMA(c, a, b) _mm256_fmadd_ps(a, b, c)
#define DOT_U8(c, a, b) _mm256_dpbusd_avx_epi32(c, a, b)
#define DOT_I16_VNNI(c, a, b) _mm256_dpwssd_avx_epi32(c, a, b)
#define DOT_I16(c, a, b) _mm256_add_epi32(c, _mm256_madd_epi16(a, b))
DK_SUMS(floats_avx2, DK_TARGET_AVX2, __m256)
DK_SUMS(integers_avx2, DK_TARGET_AVX2, __m256i)
DK_WIDENED_SUMS(widened_sums_avx2, DK_TARGET_AVX2, __m256i, __m256, _mm256_cvtepi32_ps)
DK_TILE(f32_avx2, DK_TARGET_AVX2, 6, 2, __m256, 4, X_F32, 32, W_F32, FMA, floats_avx2)
DK_TILE(widened_avx2, DK_TARGET_AVX2, 6, 2, __m256, 4, X_F32, 16, W_WIDENED, FMA, floats_avx2)
DK_TILE(i16_avx2, DK_TARGET_AVX2, 6, 2, __m256i, 4, X_WORD, 32, W_INTEGERS, DOT_I16, widened_sums_avx2)
DK_TILE(i16_avx2_vnni, DK_TARGET_AVX2_VNNI, 6, 2, __m256i, 4, X_WORD, 32, W_INTEGERS, DOT_I16_VNNI, widened_sums_avx2)
DK_TILE(u8_avx2, DK_TARGET_AVX2_VNNI, 6, 2, __m256i, 4, X_WORD, 32, W_INTEGERS, DOT_U8, integers_avx2)

// rows, columns, step, bytes of a weight, format and bytes of x
static const dk_gemm f32 = DK_GEMM(6, 16, 1, 4, DK_X_F32, 4, f32_avx2);
static const dk_gemm widened = DK_GEMM(6, 16, 1, 2, DK_X_F32, 4, widened_avx2);
static const dk_gemm int8 = DK_GEMM(6, 16, 2, 1, DK_X_I16, 2, i16_avx2);
static const dk_gemm int12 = DK_GEMM(6, 16, 2, 2, DK_X_I16, 2, i16_avx2);
static const dk_gemm int8_vnni = DK_GEMM(6, 16, 4, 1, DK_X_U8, 1, u8_avx2);
static const dk_gemm int12_vnni = DK_GEMM(6, 16, 2, 2, DK_X_I16, 2, i16_avx2_vnni);

// ---------------------------------------------------------------- tables

const dk_kernels dk_kernels_avx2 = {
  .level = DK_CPU_AVX2,
  .name = "avx2",
  .needs = DK_HAS_AVX2,
  .int12 = 1,
  .convert = &dk_conversions_avx2,
  .gemm = {&f32, &widened, &int8, &int12},
  .attend = {attend_avx2, attend_avx2, attend_i16},
  .convolver = {&convolver_avx2, &convolver_avx2, NULL, &convolver_i16},
  DK_TEMPLATES,
};

const dk_kernels dk_kernels_avx2_vnni = {
  .level = DK_CPU_AVX2_VNNI,
  .name = "avx2-vnni",
  .needs = DK_HAS_AVX2 | DK_HAS_AVX_VNNI,
  .vnni = 1,
  .int12 = 1,
  .convert = &dk_conversions_avx2,
  .gemm = {&f32, &widened, &int8_vnni, &int12_vnni},
  .attend = {attend_avx2, attend_avx2, attend_i16_vnni},
  .convolver = {&convolver_avx2, &convolver_avx2, NULL, &convolver_i16_vnni},
  DK_TEMPLATES,
};
#endif
