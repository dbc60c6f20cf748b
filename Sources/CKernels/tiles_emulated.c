// The tile instructions of AMX in C, with the results of the processor bit for bit (measured against one; NaN stays NaN,
// with whatever payload).
#include "kernels.h"
#include "tiles_emulated.h"

#include <math.h>

static _Thread_local char tiles[8][16][64];

void dk_tile_load(int tile, const void *from, long stride) {
  for (int row = 0; row < 16; row++) memcpy(tiles[tile][row], (const char *)from + row * stride, 64);
}

void dk_tile_store(int tile, void *to, long stride) {
  for (int row = 0; row < 16; row++) memcpy((char *)to + row * stride, tiles[tile][row], 64);
}

void dk_tile_zero(int tile) { memset(tiles[tile], 0, sizeof tiles[tile]); }

// ---------------------------------------------------------------- bfloat16

// Denormal numbers are zero to this instruction, going in and coming out, whatever MXCSR says.
DK_INLINE float flushed(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  bits &= bits & 0x7f800000 ? 0xffffffff : 0x80000000;
  memcpy(&x, &bits, 4);
  return x;
}

// Whether the numbers of a tile are 0 or of 2⁻⁵⁰…2⁶¹. Two of those have a product that a float holds exactly, and 32 such
// products have a sum that is no denormal number and does not overflow.
static int is_ordinary(int tile) {
  uint16_t numbers[512];
  memcpy(numbers, tiles[tile], sizeof numbers);
  int others = 0;
  for (int i = 0; i < 512; i++) {
    const uint16_t magnitude = numbers[i] & 0x7fff;
    others += magnitude != 0 && (uint16_t)(magnitude - (77 << 7)) >= 111 << 7;
  }
  return others == 0;
}

// x + a·b, rounded once. Exact products need no fused instruction, for which processors without it call a function.
DK_INLINE float multiply_add(const int ordinary, float a, float b, float x) {
  return ordinary ? a * b + x : flushed(fmaf(a, b, x));
}

// Even and odd places of k have a chain of sixteen multiply-adds each, which starts at zero; their sum is then added to c.
DK_INLINE void dot_bf16(const int ordinary, int c, int a, int b) {
  float w[2][16][16];  // even and odd places; pair; column
  for (int pair = 0; pair < 16; pair++)
    for (int i = 0; i < 32; i++) {
      uint16_t bits;
      memcpy(&bits, tiles[b][pair] + 2 * i, 2);
      w[i % 2][pair][i / 2] = flushed(dk_bf16_to_f32(bits));
    }
  for (int row = 0; row < 16; row++) {
    float sums[2][16] = {{0}}, to[16];
    for (int pair = 0; pair < 16; pair++)
      for (int place = 0; place < 2; place++) {
        uint16_t bits;
        memcpy(&bits, tiles[a][row] + 4 * pair + 2 * place, 2);
        const float x = flushed(dk_bf16_to_f32(bits));
        for (int j = 0; j < 16; j++) sums[place][j] = multiply_add(ordinary, x, w[place][pair][j], sums[place][j]);
      }
    memcpy(to, tiles[c][row], 64);
    for (int j = 0; j < 16; j++) to[j] = flushed(flushed(to[j]) + flushed(sums[0][j] + sums[1][j]));
    memcpy(tiles[c][row], to, 64);
  }
}

void dk_tile_dot_bf16(int c, int a, int b) {
  if (is_ordinary(a) && is_ordinary(b)) dot_bf16(1, c, a, b);
  else dot_bf16(0, c, a, b);
}

// ---------------------------------------------------------------- bytes

void dk_tile_dot_i8(int c, int a, int b) {
  int16_t w[64][16];
  for (int k = 0; k < 64; k++)
    for (int j = 0; j < 16; j++) w[k][j] = (signed char)tiles[b][k / 4][4 * j + k % 4];
  for (int row = 0; row < 16; row++) {
    uint32_t sums[16];
    memcpy(sums, tiles[c][row], 64);
    for (int k = 0; k < 64; k++) {
      const int16_t x = (signed char)tiles[a][row][k];
      for (int j = 0; j < 16; j++) sums[j] += (uint32_t)(x * w[k][j]);
    }
    memcpy(tiles[c][row], sums, 64);
  }
}
