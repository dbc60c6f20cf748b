// What convolution.c and convolution_pack.c share.
#ifndef DIT_T2I_CONVOLUTION_H
#define DIT_T2I_CONVOLUTION_H
#include "simd.h"

#include <stdatomic.h>

enum { few_outputs = 4 };  // not more than the lanes of the narrowest vectors

typedef dk_convolution_arguments arguments;
typedef uint32_t unit;  // what one multiplication takes: a float, or two bfloat16 of neighbouring channels

// packed: groups of one to four panels of 16 output channels, each group [taps][units][panels * 16]; missing channels are 0.
struct dk_convolution {
  dk_weight_kind kind;
  long outputs, inputs;
  int pairs;        // units are pairs of bfloat16
  int wide;         // groups may have more than one panel
  long units;       // of one pixel
  long panels;      // outputs / 16, rounded up
  float *dense;     // [outputs][9][inputs] for the reference and OpenBLAS, else NULL
  unit *packed;     // 9 taps, for the native kernels, else NULL
  _Atomic(unit *) phases;  // [4] of 4 taps, made when first needed
  struct dk_convolution *taps;  // up to four outputs (a picture's channels): a 1x1 convolution to [9][outputs], else NULL
};

// Panels of the group that starts at `panel`: as even as groups of at most four can be.
DK_INLINE int dk_convolution_group(const struct dk_convolution *w, long panel) {
  if (!w->wide) return 1;
  long groups = dk_ceil_div(w->panels, 4), small = w->panels / groups, larger = w->panels % groups;
  return (int)(panel < larger * (small + 1) ? small + 1 : small);
}

// Units of the packed weights of a convolution of so many taps.
DK_INLINE long dk_convolution_units(const struct dk_convolution *w, int taps) { return w->panels * 16 * taps * w->units; }

// The weights of the four 2x2 convolutions that one 3x3 convolution is after doubling. NULL when memory is short.
const unit *dk_convolution_phases(const struct dk_convolution *w);

// ---------------------------------------------------------------- between convolution.c and its templates

// Where finished pixels go.
typedef struct {
  long channels;
  const float *bias;
  dk_activation activation;
  dk_rows residual, out;
} finish;

// One output row: pixel i is the sum over taps t and units u of x[i * step + offset[t] + u] * weights[t][u].
typedef struct {
  int taps;
  long units;
  const unit *x;
  long step;
  long offset[9];
  long pixels;
  long first, out_step;  // row of the first output pixel, and from one to the next
  const finish *finish;
} row_work;

// The input of one batch entry.
typedef struct {
  long height, width, channels, units;
  int upsample;
  long first;  // row of its first pixel
  dk_rows x;
} picture;
#endif
