// What convolution.c, convolution_pack.c and the template share.
#ifndef DIT_T2I_CONVOLUTION_H
#define DIT_T2I_CONVOLUTION_H
#include "simd.h"

#include <stdatomic.h>

enum {
  few_outputs = 4,     // not more than the lanes of the narrowest vectors
  pixel_levels = 8191, // of x with DK_I16_UNITS, ± so many; of weights DK_I16_LEVELS
  exact_units = 64,    // of which so many are summed exactly: 2 · 64 · 8191 · 2047 < 2³¹
};

typedef struct dk_convolver dk_convolver;

// Groups of one to four panels of 16 output channels, each group [taps][units][panels * 16]; missing channels are 0.
typedef struct {
  unit *units;
  float *scales;  // DK_I16_UNITS: [panels * 16], what a level is worth; else NULL
} packed_taps;

struct dk_convolution {
  dk_weight_kind kind;
  long outputs, inputs;
  const dk_convolver *by;  // who multiplies; NULL where `dense` is used
  long units;       // of one pixel
  long panels;      // outputs / 16, rounded up
  float *dense;     // [outputs][9][inputs] for the reference and OpenBLAS, else NULL
  packed_taps packed;  // 9 taps, for the native kernels
  _Atomic(packed_taps *) phases;  // [4] of 4 taps, made when first needed
  struct dk_convolution *taps;  // up to four outputs (a picture's channels): a 1x1 convolution to [9][outputs], else NULL
};

// ---------------------------------------------------------------- between convolution.c and its templates

// Where finished pixels go.
typedef struct {
  long channels;
  const float *bias;
  dk_activation activation;
  dk_rows residual, out;
} finish;

// One output row: pixel i is the sum over runs r and units u of x[i * step + r * line + u] * weights[r][u]. A run is the
// neighbouring taps of one row of the kernel, whose pixels lie side by side.
typedef struct {
  int runs;
  long units;  // of a run
  const unit *x;
  long step, line;
  long pixels;
  long first, out_step;  // row of the first output pixel, and from one to the next
  float scale;           // DK_I16_UNITS: what a level of x is worth
  const finish *finish;
} row_work;

// The input of one batch entry.
typedef struct {
  long height, width, channels, units;
  int upsample;
  long first;  // row of its first pixel
  dk_rows x;
  float levels;  // DK_I16_UNITS: levels that 1 is worth
} picture;

// ---------------------------------------------------------------- what an instruction set gives

struct dk_convolver {
  int kind;    // of its units: DK_F32_UNITS …
  int panels;  // the most in a group
  // Pixels start, start + 1, … of row y as the convolution sees them: zero outside the picture.
  void (*read_row)(const picture *picture, long y, long start, long count, unit *to);
  // The bits of the largest magnitude among these pixels, for DK_I16_UNITS, else NULL.
  uint32_t (*largest)(const picture *picture, long y, long start, long count);
  // A row of output pixels, for the group of so many panels that starts at `panel`.
  void (*convolve_row)(const row_work *work, packed_taps weights, long panel, int panels);
  // dense [outputs][9][inputs] -> w->packed and whatever else `convolve` reads. All of it is freed by dk_convolution_free.
  dk_status (*pack)(dk_convolution *w, const float *dense);
  packed_taps *(*pack_phases)(const dk_convolution *w);  // [4], what dk_convolution_phases keeps; NULL when memory is short
  dk_status (*convolve)(dk_engine *engine, const dk_convolution *w, const dk_convolution_arguments *a, dk_rows x,
                        dk_rows residual, dk_rows out);
};

// What instruction sets share that have loops for panels only. convolution_pack.c, convolution.c
dk_status dk_convolution_pack_panels(dk_convolution *w, const float *dense);
packed_taps *dk_convolution_pack_phases(const dk_convolution *w);
dk_status dk_convolve_panels(dk_engine *engine, const dk_convolution *w, const dk_convolution_arguments *a, dk_rows x,
                             dk_rows residual, dk_rows out);

// What instruction sets with tile registers have instead, AMX or its emulation. convolution_amx.c
extern const dk_convolver dk_convolver_amx;

// Panels of the group that starts at `panel`: as even as groups of at most by->panels can be.
DK_INLINE int dk_convolution_group(const dk_convolution *w, long panel) {
  long groups = dk_ceil_div(w->panels, w->by->panels), small = w->panels / groups, larger = w->panels % groups;
  return (int)(panel < larger * (small + 1) ? small + 1 : small);
}

// The first panel of the group that `panel` is in.
DK_INLINE long dk_convolution_group_start(const dk_convolution *w, long panel) {
  long start = 0;
  while (start + dk_convolution_group(w, start) <= panel) start += dk_convolution_group(w, start);
  return start;
}

// Units of the packed weights of a convolution of so many taps.
DK_INLINE long dk_convolution_units(const dk_convolution *w, int taps) { return w->panels * 16 * taps * w->units; }

// The weights [4] of the 2x2 convolutions that one 3x3 convolution is after doubling. NULL when memory is short.
const packed_taps *dk_convolution_phases(const dk_convolution *w);
void dk_convolution_free_phases(packed_taps *phases);
// Of one output and input channel: the nine weights -> the four of a phase.
void dk_convolution_phase(int phase, const float nine[9], float four[4]);
#endif
