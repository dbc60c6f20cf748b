// AVX-512, 16 lanes; the same with dot products of bytes (VNNI); with products of bfloat16 besides; and with AMX's tiles.
#include "kernel_table.h"
#if DK_X86
#include "simd_avx512.h"
#define TILE 4
#define HEIGHT(panels) ((panels) == 4 ? 6 : (panels) == 3 ? 8 : 12)
#include "templates.h"
#include "linear_tile.h"

// ---------------------------------------------------------------- attention and convolution of pairs

#undef TARGET
#define TARGET DK_TARGET_AVX512_BF16
#define UNITS DK_BF16_UNITS
#define A(name) name##_bf16
#include "products_simd.h"
#undef UNITS

#define UNITS DK_I16_UNITS
#undef TARGET
#define TARGET DK_TARGET_AVX512
#define DOT_I16(c, a, b) _mm512_add_epi32(c, _mm512_madd_epi16(a, b))
#define A(name) name##_i16
#include "products_simd.h"
#undef DOT_I16

#undef TARGET
#define TARGET DK_TARGET_AVX512_VNNI
#define DOT_I16(c, a, b) _mm512_dpwssd_epi32(c, a, b)
#define A(name) name##_i16_vnni
#include "products_simd.h"
#undef DOT_I16

// ---------------------------------------------------------------- tiles: 24 of 32 registers hold sums

DK_TARGET_AVX512 DK_INLINE __m512 load_bf16_avx512_tile(const char *p) {
  __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
  return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}
#define X_F32(p) _mm512_set1_ps(load_float(p))
#define X_WORD(p) _mm512_set1_epi32(load_word(p))
#define X_BF16(p) ((__m512bh)_mm512_set1_epi32(load_word(p)))
#define W_F32(p) _mm512_loadu_ps((const float *)(p))
#define W_BF16(p) ((__m512bh)_mm512_loadu_si512(p))
#define W_WIDENED(p) load_bf16_avx512_tile(p)
#define W_INTEGERS(p) _mm512_loadu_si512(p)
#define FMA(c, a, b) _mm512_fmadd_ps(a, b, c)
#define DOT_BF16(c, a, b) _mm512_dpbf16_ps(c, a, b)
#define DOT_U8(c, a, b) _mm512_dpbusd_epi32(c, a, b)
#define DOT_I16_VNNI(c, a, b) _mm512_dpwssd_epi32(c, a, b)
#define DOT_I16(c, a, b) _mm512_add_epi32(c, _mm512_madd_epi16(a, b))
DK_SUMS(floats_avx512, DK_TARGET_AVX512, __m512)
DK_SUMS(integers_avx512, DK_TARGET_AVX512, __m512i)
DK_WIDENED_SUMS(widened_sums_avx512, DK_TARGET_AVX512, __m512i, __m512, _mm512_cvtepi32_ps)
DK_TILE(f32_avx512, DK_TARGET_AVX512, 8, 3, __m512, 4, X_F32, 64, W_F32, FMA, floats_avx512)
DK_TILE(bf16_avx512, DK_TARGET_AVX512_BF16, 8, 3, __m512, 4, X_BF16, 64, W_BF16, DOT_BF16, floats_avx512)
DK_TILE(widened_avx512, DK_TARGET_AVX512, 8, 3, __m512, 4, X_F32, 32, W_WIDENED, FMA, floats_avx512)
DK_TILE(i16_avx512, DK_TARGET_AVX512, 8, 3, __m512i, 4, X_WORD, 64, W_INTEGERS, DOT_I16, widened_sums_avx512)
DK_TILE(i16_avx512_vnni, DK_TARGET_AVX512_VNNI, 8, 3, __m512i, 4, X_WORD, 64, W_INTEGERS, DOT_I16_VNNI, widened_sums_avx512)
DK_TILE(u8_avx512, DK_TARGET_AVX512_VNNI, 8, 3, __m512i, 4, X_WORD, 64, W_INTEGERS, DOT_U8, integers_avx512)

// rows, columns, step, bytes of a weight, format and bytes of x
static const dk_gemm f32 = DK_GEMM(8, 48, 1, 4, DK_X_F32, 4, f32_avx512);
static const dk_gemm bf16 = DK_GEMM(8, 48, 2, 2, DK_X_BF16, 2, bf16_avx512);
static const dk_gemm widened = DK_GEMM(8, 48, 1, 2, DK_X_F32, 4, widened_avx512);
static const dk_gemm int8 = DK_GEMM(8, 48, 2, 1, DK_X_I16, 2, i16_avx512);
static const dk_gemm int12 = DK_GEMM(8, 48, 2, 2, DK_X_I16, 2, i16_avx512);
static const dk_gemm int8_vnni = DK_GEMM(8, 48, 4, 1, DK_X_U8, 1, u8_avx512);
static const dk_gemm int12_vnni = DK_GEMM(8, 48, 2, 2, DK_X_I16, 2, i16_avx512_vnni);

// ---------------------------------------------------------------- tables

const dk_kernels dk_kernels_avx512 = {
  .level = DK_CPU_AVX512,
  .name = "avx512",
  .needs = DK_HAS_AVX512,
  .int12 = 1,
  .convert = &dk_conversions_avx2,
  .gemm = {&f32, &widened, &int8, &int12},
  .attend = {attend_avx512, attend_avx512, attend_i16},
  .convolver = {&convolver_avx512, &convolver_avx512, NULL, &convolver_i16},
  DK_TEMPLATES,
};

const dk_kernels dk_kernels_avx512_vnni = {
  .level = DK_CPU_AVX512_VNNI,
  .name = "avx512-vnni",
  .needs = DK_HAS_AVX512 | DK_HAS_AVX512_VNNI,
  .vnni = 1,
  .int12 = 1,
  .convert = &dk_conversions_avx2,
  .gemm = {&f32, &widened, &int8_vnni, &int12_vnni},
  .attend = {attend_avx512, attend_avx512, attend_i16_vnni},
  .convolver = {&convolver_avx512, &convolver_avx512, NULL, &convolver_i16_vnni},
  DK_TEMPLATES,
};

const dk_kernels dk_kernels_avx512_bf16 = {
  .level = DK_CPU_AVX512_BF16,
  .name = "avx512-bf16",
  .needs = DK_HAS_AVX512 | DK_HAS_AVX512_VNNI | DK_HAS_AVX512_BF16,
  .bf16 = 1,
  .vnni = 1,
  .int12 = 1,
  .convert = &dk_conversions_avx2,
  .gemm = {&f32, &bf16, &int8_vnni, &int12_vnni},
  .attend = {attend_avx512, attend_bf16, attend_i16_vnni},
  .convolver = {&convolver_avx512, &convolver_bf16, NULL, &convolver_i16_vnni},
  DK_TEMPLATES,
};

const dk_kernels dk_kernels_avx512_amx = {
  .level = DK_CPU_AVX512_AMX,
  .name = "avx512-amx",
  .needs = DK_HAS_AVX512 | DK_HAS_AVX512_VNNI | DK_HAS_AVX512_BF16 | DK_HAS_AMX,
  .bf16 = 1,
  .vnni = 1,
  .convert = &dk_conversions_avx2,
  .gemm = {&f32, &dk_gemm_amx_bf16, &dk_gemm_amx_int8, &int12_vnni},
  .attention = dk_attention_amx,
  .attend = {attend_avx512, attend_bf16, attend_i16_vnni},
  .convolver = {&convolver_avx512, &dk_convolver_amx, NULL, &convolver_i16_vnni},
  .amx = &dk_amx_native,
  DK_LOOPS,
};
#endif
