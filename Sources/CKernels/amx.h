// Kernels by tile registers. linear_amx.c, attention_amx.c and convolution_amx.c divide an operation into tasks; the loops of
// a task are templates (…_amx_simd.h), which kernels_amx.c includes twice: for AMX, and for its emulation in C.
#ifndef DIT_T2I_AMX_H
#define DIT_T2I_AMX_H
#include "kernel_table.h"

// ---------------------------------------------------------------- linears

enum {
  amx_rows = 256,       // the most of a task
  amx_near_steps = 12,  // parts of k, in steps of 64 bytes: what stays in the first cache (32 rows or columns: 24 kB),
  amx_far_steps = 18,   // and where x streams past
};

typedef struct {
  dk_engine *engine;
  long m;
  dk_rows x, out;
  const dk_weight *weight;
  const dk_epilogue *epilogue;
  int near_x;      // the order of blocks: see multiply_piece
  long parts;      // of k, each added to the outputs
  long rows;       // of a task
  long splits;     // tasks that share rows, each with its range of panels
  char *prepared;  // all rows ready for the tiles, each tile's lines side by side; NULL: each task prepares its own
  float *prepared_scales;
} amx_linear;

// The rows and panels of a task. Row 16·i of it begins at tiles[i], its next 64 bytes lie `step` behind, its next row `stride`.
typedef struct {
  long row, rows;
  const char *tiles[amx_rows / 16];
  long stride, step;
  const float *x_scales;  // NULL: x is bfloat16
  long first_panel, end_panel;
  char *sums;  // of blocks: [amx_rows / 32 or the panels of the weight][32][32]
} amx_piece;

// Steps of 64 bytes along k; a panel is so many times 2048 bytes.
DK_INLINE long amx_steps(const dk_weight *weight) { return dk_padded_k(weight) * weight->gemm->x_size / 64; }

// ---------------------------------------------------------------- attention

enum {
  amx_keys = 256,                     // at a time
  amx_score_stride = amx_keys + 48,   // room for 32 more, and no power of two
  amx_weight_stride = 2 * amx_score_stride,  // weights take the place of their scores
};

typedef struct {
  dk_engine *engine;
  const dk_attention_arguments *a;
  long head_steps;    // of 32 numbers of a head: k of the first product
  long head_columns;  // of 16 numbers: columns of the second
  long mixed_stride;
  long group;   // queries of a task
  long groups;  // of one picture and head
} amx_attention;

// The running softmax of 32 queries.
typedef struct {
  float largest[32], total[32];
} amx_state;

// A task's memory, for blocks of 32 queries.
typedef struct {
  amx_state *states;  // [blocks]
  char *queries;      // [blocks][32][head_steps][64]
  float *mixed;       // [blocks][32][mixed_stride]
  float *scores;      // [32][amx_score_stride], and weights
  char *keys;         // [amx_keys / 16][head_steps][16 pairs][16 keys][2]
  char *values;       // [amx_keys / 32][head_columns][16 pairs of keys][16][2]
  int32_t *list;      // [keys]
} amx_workspace;

// ---------------------------------------------------------------- convolutions

enum { amx_panels = 3 };  // of 16 output channels, computed together

typedef struct {
  dk_engine *engine;
  const dk_convolution *w;
  const dk_convolution_arguments *a;
  const packed_taps *phases;  // as in convolution.c
  finish finish;
  dk_rows x;
  long height, width;  // of the output
  long band, bands;    // output rows a task (input rows with phases), tasks a picture
} amx_convolution;

// What one kernel (or one phase after doubling) makes of a task's lines.
typedef struct {
  const uint16_t *lines;  // the first kernel row of the first output row, first tap of the first pixel
  long length;            // numbers from line to line
  int kernel_rows;
  long steps;  // of 32 numbers of a kernel row
  const char *weights;
  long rows, pixels;
  long first, row_step, pixel_step;  // rows of `out`: of the first pixel, and from one to the next
} amx_band;

// ---------------------------------------------------------------- the loops

struct dk_amx {
  void (*multiply)(const amx_linear *job, const amx_piece *piece);
  void (*attend)(const amx_attention *job, const block *at, const amx_workspace *w);
  // `sums`: [2][32][16 * amx_panels]
  void (*convolve)(const amx_convolution *job, const amx_band *bands, int count, float *sums);
};
#endif
