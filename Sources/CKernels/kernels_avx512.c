// AVX-512, 16 lanes; the same with dot products of bytes (VNNI); and with products of bfloat16 besides.
#include "kernel_table.h"
#if DK_X86
#include "simd_avx512.h"
#define TILE 4
#define HEIGHT(panels) ((panels) == 4 ? 6 : (panels) == 3 ? 8 : 12)
#include "templates.h"
#include "linear_tile.h"

// ---------------------------------------------------------------- attention and convolution of pairs of bfloat16

#undef TARGET
#define TARGET DK_TARGET_AVX512_BF16
#define PAIRS 1
#define A(name) name##_bf16
#include "operand_simd.h"
#include "attention_simd.h"
#include "convolution_simd.h"

static const dk_convolver convolver_bf16 = {
  .pairs = 1,
  .panels = 4,
  .read_row = read_row_bf16,
  .convolve_row = convolve_row_bf16,
  .pack = dk_convolution_pack_panels,
  .convolve = dk_convolve_panels,
};

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
#define W_I8(p) _mm512_loadu_si512(p)
#define W_I8_PAIRS(p) _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(p)))
#define FMA(c, a, b) _mm512_fmadd_ps(a, b, c)
#define DOT_BF16(c, a, b) _mm512_dpbf16_ps(c, a, b)
#define DOT_U8(c, a, b) _mm512_dpbusd_epi32(c, a, b)
#define DOT_I16(c, a, b) _mm512_add_epi32(c, _mm512_madd_epi16(a, b))
DK_TILE(f32_avx512, DK_TARGET_AVX512, 8, 3, __m512, 4, X_F32, 64, W_F32, FMA)
DK_TILE(bf16_avx512, DK_TARGET_AVX512_BF16, 8, 3, __m512, 4, X_BF16, 64, W_BF16, DOT_BF16)
DK_TILE(widened_avx512, DK_TARGET_AVX512, 8, 3, __m512, 4, X_F32, 32, W_WIDENED, FMA)
DK_TILE(u8_avx512, DK_TARGET_AVX512_VNNI, 8, 3, __m512i, 4, X_WORD, 64, W_I8, DOT_U8)
DK_TILE(i16_avx512, DK_TARGET_AVX512, 8, 3, __m512i, 4, X_WORD, 32, W_I8_PAIRS, DOT_I16)

// rows, columns, step, bytes of a weight, format and bytes of x
static const dk_gemm f32 = DK_GEMM(8, 48, 1, 4, DK_X_F32, 4, f32_avx512);
static const dk_gemm bf16 = DK_GEMM(8, 48, 2, 2, DK_X_BF16, 2, bf16_avx512);
static const dk_gemm widened = DK_GEMM(8, 48, 1, 2, DK_X_F32, 4, widened_avx512);
static const dk_gemm u8 = DK_GEMM(8, 48, 4, 1, DK_X_U8, 1, u8_avx512);
static const dk_gemm i16 = DK_GEMM(8, 48, 2, 1, DK_X_I16, 2, i16_avx512);

// ---------------------------------------------------------------- tables

#define FLOATS                                            \
  .attend = {attend_avx512, attend_avx512},               \
  .convolver = {&convolver_avx512, &convolver_avx512}

const dk_kernels dk_kernels_avx512 = {
  .level = DK_CPU_AVX512,
  .name = "avx512",
  .needs = DK_HAS_AVX512,
  .convert = &dk_conversions_avx2,
  .gemm = {&f32, &widened, &i16},
  FLOATS,
  DK_TEMPLATES,
};

const dk_kernels dk_kernels_avx512_vnni = {
  .level = DK_CPU_AVX512_VNNI,
  .name = "avx512-vnni",
  .needs = DK_HAS_AVX512 | DK_HAS_AVX512_VNNI,
  .vnni = 1,
  .convert = &dk_conversions_avx2,
  .gemm = {&f32, &widened, &u8},
  FLOATS,
  DK_TEMPLATES,
};

const dk_kernels dk_kernels_avx512_bf16 = {
  .level = DK_CPU_AVX512_BF16,
  .name = "avx512-bf16",
  .needs = DK_HAS_AVX512 | DK_HAS_AVX512_VNNI | DK_HAS_AVX512_BF16,
  .bf16 = 1,
  .vnni = 1,
  .convert = &dk_conversions_avx2,
  .gemm = {&f32, &bf16, &u8},
  .attend = {attend_avx512, attend_bf16},
  .convolver = {&convolver_avx512, &convolver_bf16},
  DK_TEMPLATES,
};
#endif
