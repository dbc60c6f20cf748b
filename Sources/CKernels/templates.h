// All templates for the selected instruction set (simd.h), multiplying floats. Expects
//   TILE            how many vectors of queries attention's register tile holds
//   HEIGHT(panels)  how many pixels a convolution's register tile holds beside that many panels of 16 output channels
// and defines the entries of the table that are made from templates alone.
#include "compression_simd.h"
#include "depthwise_simd.h"
#include "elementwise_simd.h"
#include "linear_rows.h"
#include "norm_simd.h"
#include "gradients_simd.h"
#include "small_product_simd.h"
#include "thin_simd.h"

#define UNITS DK_F32_UNITS
#define A(name) V(name)
#include "products_simd.h"
#undef UNITS

// Those of all instruction sets, and those of the ones that have loops only.
#define DK_LOOPS                                                                                    \
  .widen_row = V(widen_row), .widen_bytes = V(widen_bytes),                                         \
  .prepare_row = V(prepare_row), .finish = V(finish),                                               \
  .elementwise_row = V(elementwise_row),                                                            \
  .layer_norm_row = V(layer_norm_row), .rms_norm_row = V(rms_norm_row),                             \
  .layer_norm_gradient_row = V(layer_norm_gradient_row), .rms_norm_gradient_row = V(rms_norm_gradient_row), \
  .sum_columns = V(sum_columns),                                                                    \
  .channel_moments = V(channel_moments), .normalise_channels = V(normalise_channels),               \
  .softmax_row = V(softmax_row), .softmax_gradient_row = V(softmax_gradient_row),                   \
  .sum_patch = V(sum_patch),                                                                        \
  .depthwise_pixel = V(depthwise_pixel), .small_product = V(small_product),                         \
  .project_rows = V(project_rows), .expand_rows = V(expand_rows),                                   \
  .sum_taps = V(sum_taps), .finish_pixels = V(finish_pixels)
#define DK_TEMPLATES DK_LOOPS, .attention = dk_attention_by_blocks
