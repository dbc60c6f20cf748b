// What an instruction set gives: one table of functions, filled at the end of its kernels_*.c. An engine has one of them
// (cpu.c chooses), and reads its functions for each task, row or tile, never inside the loops of a kernel.
//
// Where an instruction set wants tasks and memory of its own, and not only loops, it replaces whole operations: `linear`
// and `pack` of a dk_gemm, `convolve` and `pack` of a dk_convolver, `attention`. Those that the others share can be called
// from there for what it does not do itself.
#ifndef DIT_T2I_KERNEL_TABLE_H
#define DIT_T2I_KERNEL_TABLE_H
#include "attention.h"
#include "convolution.h"
#include "linear.h"

// What a table needs of the processor, as bits.
enum {
  DK_HAS_AVX2 = 1 << 0,
  DK_HAS_AVX_VNNI = 1 << 1,
  DK_HAS_AVX512 = 1 << 2,
  DK_HAS_AVX512_VNNI = 1 << 3,
  DK_HAS_AVX512_BF16 = 1 << 4,
  DK_HAS_AMX = 1 << 5,  // tiles of bfloat16 and bytes, and the system lets us use them
  DK_HAS_DOTPROD = 1 << 8,  // of arm64, where NEON itself is always there
  DK_HAS_BF16 = 1 << 9,
  DK_HAS_I8MM = 1 << 10,
};

// The last two add to what is there.
typedef enum { DK_ACTIVATE, DK_ACTIVATE_MULTIPLY, DK_ADD, DK_MULTIPLY_ADD, DK_ACTIVATE_GRADIENT } dk_operation;

// What a norm takes off a row and multiplies it by: (x - mean - off) · factor.
typedef struct {
  float mean, off, factor;
} row_moments;

// Beginnings of long runs of numbers: each returns how many it did, the caller does the rest. Pointers of any alignment.
typedef struct {
  long (*f16_to_f32)(const char *from, long count, float *to);
  long (*bf16_to_f32)(const char *from, long count, float *to);
  long (*f32_to_f16)(const float *from, long count, char *to);
  long (*f32_to_bf16)(const float *from, long count, char *to);
  long (*i8_to_f32)(const int8_t *from, float scale, long count, float *to);
  long (*f32_to_i8)(const float *from, float scale, long count, int8_t *to);
  long (*largest)(const float *from, long count, float *largest);  // raises it to the largest magnitude
} dk_conversions;

extern const dk_conversions dk_conversions_avx2;

typedef struct dk_amx dk_amx;  // amx.h
extern const dk_amx dk_amx_native, dk_amx_emulated;

struct dk_kernels {
  dk_cpu_level level;
  const char *name;
  unsigned needs;
  int bf16;  // activations in bfloat16 are multiplied as such
  int vnni;  // dot products of bytes
  int int12; // products of 16-bit integers are faster than those of floats

  const dk_conversions *convert;  // NULL: one number at a time

  // Linears, by dk_weight_kind. The rest is for all kinds: rows of x before the tiles, and rows of sums after them.
  const dk_gemm *gemm[4];
  void (*widen_row)(dk_type type, const void *row, long k, float *to);
  void (*widen_bytes)(const int8_t *from, long count, int16_t *to);
  void (*prepare_row)(dk_x_format format, dk_type type, const void *row, long k, long padded_k, float *wide, char *to,
                      float *scale);
  void (*finish)(const dk_weight *weight, const dk_epilogue *epilogue, const void *sums, long stride, const float *x_scales,
                 dk_rows outs, long row, long rows, long column, long count);

  void (*elementwise_row)(dk_operation operation, dk_activation activation, long columns, dk_type a_type, const void *a,
                          dk_type b_type, const void *b, dk_type out_type, void *out);

  void (*layer_norm_row)(long columns, dk_type type, const void *x, float eps, const float *weight, const float *bias,
                         const float *scale, const float *shift, dk_type out_type, void *out);
  void (*rms_norm_row)(long columns, dk_type type, const void *x, const float *weight, const float *bias, float eps,
                       dk_type out_type, void *out);
  void (*layer_norm_gradient_row)(long columns, dk_type type, const void *x, float eps, const float *weight,
                                  const float *scale, const float *dy, float *dx, row_moments *moments);
  void (*rms_norm_gradient_row)(long columns, dk_type type, const void *x, const float *weight, float eps, const float *dy,
                                float *dx, row_moments *moments);
  void (*sum_columns)(long rows, long columns, const float *dy, long stride, dk_rows x, const row_moments *moments,
                      const float *weight, float *sums, float *products);
  void (*channel_moments)(long count, long c, long n, dk_rows x, float *mean, float *residue, float *squares);
  void (*normalise_channels)(long count, long c, long n, dk_rows x, const float *high, const float *low, const float *gain,
                             const float *bias, dk_activation activation, dk_rows out);

  // The operation, and what dk_attention_by_blocks does with the queries of one task: floats, pairs of bfloat16, levels.
  dk_status (*attention)(dk_engine *engine, const dk_attention_arguments *arguments);
  void (*attend[3])(const dk_attention_arguments *arguments, const block *at, workspace *w, long blocks);
  void (*softmax_row)(float *row, long count);
  void (*softmax_gradient_row)(const float *weights, float *gradient, long count);

  void (*sum_patch)(long factor, long width, long columns, dk_rows x, const float *weight, const float *bias, float *sums);
  void (*depthwise_pixel)(const dk_depthwise_arguments *arguments, dk_rows x, long row, const long reach[4], long first,
                          long count, dk_rows out);
  void (*small_product)(long rows, long columns, long steps, const float *a, long a_row, long a_step, const float *b,
                        long b_step, float *c, long c_row, int add);
  void (*project_rows)(long rows, long columns, long rank, dk_rows x, const float *m, float *h);
  void (*expand_rows)(long rows, long columns, long rank, const float *h, const float *m, dk_rows out);

  // Convolutions, by dk_weight_kind; none for INT8. What comes after the sums is for all.
  const dk_convolver *convolver[4];
  void (*sum_taps)(const finish *finish, const float *products, long product, long pixels, long first);
  void (*finish_pixels)(const finish *finish, const float *sums, long stride, long count, long first, long step);

  const dk_amx *amx;  // what operations by tile registers do in a task (amx.h), or NULL
};

extern const dk_kernels dk_kernels_portable;
extern const dk_kernels dk_kernels_neon, dk_kernels_neon_dot, dk_kernels_neon_bf16;
extern const dk_kernels dk_kernels_avx2, dk_kernels_avx2_vnni;
extern const dk_kernels dk_kernels_avx512, dk_kernels_avx512_vnni, dk_kernels_avx512_bf16, dk_kernels_avx512_amx;
extern const dk_kernels dk_kernels_amx_emulated;

const dk_kernels *dk_native_kernels(void);
// The best this processor has that is no better than `level`.
const dk_kernels *dk_kernels_at_most(dk_cpu_level level);
#endif
