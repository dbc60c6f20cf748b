// Private to the linear_*.c files: how a weight lies in memory and the loops that read it.
//
// y = x Wᵀ. W is packed once into panels of `columns` outputs. A panel holds, for each step of k, the numbers of all its
// columns side by side: [k / step][columns][step], zeros beyond n and k. `step` is how many neighbours in k one
// multiply-add instruction consumes (f32 1, bf16 2, i16 2, u8 x i8 4).
//
// A task takes some rows of x and some panels. It brings its rows into the format of the kernel (`prepare`), and for each
// panel computes tiles of up to `rows` x `columns` sums in registers (`tile`), which `finish` turns into outputs.
// Every sum is one chain over ascending k, whichever task, tile or remainder it falls into; so results do not depend
// on the number of threads or rows.
#ifndef DIT_T2I_LINEAR_H
#define DIT_T2I_LINEAR_H
#include "simd.h"

// I16 is a level of -2047…2047, I8 one of -127…127, U8 the same plus 128.
typedef enum { DK_X_F32, DK_X_BF16, DK_X_I16, DK_X_U8, DK_X_I8 } dk_x_format;

// How the numbers of a kind lie in panels, and who reads them.
typedef struct {
  int rows, columns, step;  // of a tile
  int k_block;              // k is padded to a multiple of this
  int weight_size;          // bytes of a packed number
  dk_x_format x_format;
  int x_size;  // bytes of a prepared number of x
  // sums [rows][columns] of floats (with U8 and I8 of 32-bit integers), += over `steps` steps; they start from zero unless `resume`.
  // 64 bytes a step are prefetched from `ahead`.
  void (*tile)(int rows, long steps, const char *x, long x_stride, const char *panel, const char *ahead, void *sums, int resume);
  // Rows of one panel, `stride` bytes apart, zeros behind n and k -> packed.
  void (*pack)(const dk_weight *weight, const char *rows, long stride, char *packed);
  dk_status (*linear)(dk_engine *engine, long m, dk_rows x, const dk_weight *weight, const dk_epilogue *epilogue, dk_rows out);
} dk_gemm;

// What instruction sets share that have tiles only. linear_pack.c, linear.c
void dk_pack_columns(const dk_weight *weight, const char *rows, long stride, char *packed);
dk_status dk_linear_by_tiles(dk_engine *engine, long m, dk_rows x, const dk_weight *weight, const dk_epilogue *epilogue,
                             dk_rows out);
#define DK_GEMM(ROWS, COLUMNS, STEP, WEIGHT_SIZE, X_FORMAT, X_SIZE, TILE) \
  {ROWS, COLUMNS, STEP, STEP, WEIGHT_SIZE, X_FORMAT, X_SIZE, TILE, dk_pack_columns, dk_linear_by_tiles}

// What instruction sets with tile registers have instead, AMX or its emulation. linear_amx.c
extern const dk_gemm dk_gemm_amx_bf16, dk_gemm_amx_int8;

struct dk_weight {
  dk_weight_kind kind;
  long n, k;
  const dk_gemm *gemm;  // NULL where `dense` is used
  float *dense;         // [n][k]: reference and OpenBLAS
  char *panels;
  float *scales;     // INT8 and INT12: one a column, padded to whole panels
  int32_t *offsets;  // U8 and I8, whose sums are integers: what the +128 adds to each column's, zeros for I8; else NULL
  size_t bytes;
};

DK_INLINE long dk_padded_k(const dk_weight *weight) {
  return dk_ceil_div(weight->k, weight->gemm->k_block) * weight->gemm->k_block;
}
DK_INLINE long dk_panels(const dk_weight *weight) { return dk_ceil_div(weight->n, weight->gemm->columns); }
DK_INLINE long dk_panel_bytes(const dk_weight *weight) {
  return dk_padded_k(weight) * weight->gemm->columns * weight->gemm->weight_size;
}

// Whether these rows have one gate, or none at all.
DK_INLINE int dk_one_gate(const dk_epilogue *e, long row, long rows) {
  return !e->residual || !e->gate || row / e->rows_per_group == (row + rows - 1) / e->rows_per_group;
}

enum {
  DK_ROW_BLOCK = 64,     // the most rows of a task
  DK_STEP_BLOCK = 1024,  // steps of a panel done for all rows of a task before the next: what stays in the L2 cache
  DK_I16_BLOCK = 512,    // with I16, of k: 2047² · 512 < 2³¹, so that the products are summed exactly
  DK_SGEMM_ROWS = 64,    // rows of one sgemm: fixed, so that results do not depend on threads
};
#endif
