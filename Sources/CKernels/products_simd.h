// Attention and convolution for one kind of units (operand_simd.h). Template (see simd.h), included with UNITS, A(name),
// and what templates.h asks for.
#include "operand_simd.h"
#include "attention_simd.h"
#include "convolution_simd.h"

static const dk_convolver A(convolver) = {
  .kind = UNITS,
  .panels = LANES == 16 ? 4 : 1,
  .read_row = A(read_row),
#if UNITS == DK_I16_UNITS
  .largest = A(largest),
#endif
  .convolve_row = A(convolve_row),
  .pack = dk_convolution_pack_panels,
  .pack_phases = dk_convolution_pack_phases,
  .convolve = dk_convolve_panels,
};
#undef A
