// Products by tile registers: by AMX between the vectors of AVX-512, and by AMX's emulation between plain ones.
#include "amx.h"

#if DK_X86
#include "simd_avx512.h"
#include "tiles_amx.h"

// ---------------------------------------------------------------- attention's operands as AMX reads them

// 16 rows of 16 words, turned on their side.
TILE_TARGET DK_INLINE void turn(__m512i x[16]) {
  __m512i y[16];
  DK_UNROLL for (int i = 0; i < 16; i += 2) {
    y[i] = _mm512_unpacklo_epi32(x[i], x[i + 1]);
    y[i + 1] = _mm512_unpackhi_epi32(x[i], x[i + 1]);
  }
  DK_UNROLL for (int i = 0; i < 16; i += 4) {
    x[i] = _mm512_unpacklo_epi64(y[i], y[i + 2]);
    x[i + 1] = _mm512_unpackhi_epi64(y[i], y[i + 2]);
    x[i + 2] = _mm512_unpacklo_epi64(y[i + 1], y[i + 3]);
    x[i + 3] = _mm512_unpackhi_epi64(y[i + 1], y[i + 3]);
  }
  DK_UNROLL for (int i = 0; i < 4; i++) {
    y[i] = _mm512_shuffle_i32x4(x[i], x[i + 4], 0x88);
    y[i + 4] = _mm512_shuffle_i32x4(x[i], x[i + 4], 0xdd);
    y[i + 8] = _mm512_shuffle_i32x4(x[i + 8], x[i + 12], 0x88);
    y[i + 12] = _mm512_shuffle_i32x4(x[i + 8], x[i + 12], 0xdd);
  }
  DK_UNROLL for (int i = 0; i < 4; i++) {
    x[i] = _mm512_shuffle_i32x4(y[i], y[i + 8], 0x88);
    x[i + 8] = _mm512_shuffle_i32x4(y[i], y[i + 8], 0xdd);
    x[i + 4] = _mm512_shuffle_i32x4(y[i + 4], y[i + 12], 0x88);
    x[i + 12] = _mm512_shuffle_i32x4(y[i + 4], y[i + 12], 0xdd);
  }
}

// 32 queries from `first` of the task on, of which there are `rows`; zeros behind the head and behind the last one.
TILE_TARGET static void read_queries_amx(const amx_attention *job, const block *at, long first, long rows, char *to) {
  const dk_attention_arguments *a = job->a;
  for (long i = 0; i < 32; i++) {
    const uint16_t *from = (const uint16_t *)dk_row(a->q, at->row + first + (i < rows ? i : 0)) + at->start;
    for (long step = 0; step < job->head_steps; step++, to += 64)
      _mm512_store_si512(to, V(load_words_n)(from + step * 32, i < rows ? a->head_dim - step * 32 : 0));
  }
}

// Keys first..<first + count, and zeros up to a multiple of 32.
TILE_TARGET static void pack_keys_amx(const amx_attention *job, const block *at, long first, long count, char *to) {
  const dk_attention_arguments *a = job->a;
  for (long key = 0; key < dk_ceil_div(count, 32) * 32; key += 16)
    for (long step = 0; step < job->head_steps; step++, to += 1024) {
      const long left = a->head_dim - step * 32;
      const long here = dk_min(16, count - key), column = at->start + step * 32;
      __m512i x[16];
      if (!at->list && here == 16) {
        const uint16_t *from = (const uint16_t *)dk_row(a->k, at->key_row + first + key) + column;
        DK_UNROLL for (int i = 0; i < 16; i++) x[i] = V(load_words_n)(from + i * a->k.stride, left);
      } else {
        DK_UNROLL for (int i = 0; i < 16; i++) {
          const long row = key_row(at, first + dk_min(key + i, count - 1));
          x[i] = V(load_words_n)((const uint16_t *)dk_row(a->k, row) + column, i < here ? left : 0);
        }
      }
      turn(x);
      DK_UNROLL for (int i = 0; i < 16; i++) _mm512_store_si512(to + i * 64, x[i]);
    }
}

// The same of values, pairs of keys side by side.
TILE_TARGET static void pack_values_amx(const amx_attention *job, const block *at, long first, long count, char *to) {
  const dk_attention_arguments *a = job->a;
  for (long key = 0; key < dk_ceil_div(count, 32) * 32; key += 32, to += job->head_columns * 1024)
    for (long i = 0; i < 16; i++) {
      const long even = key + 2 * i, odd = even + 1;
      const uint16_t *low = even < count ? (const uint16_t *)dk_row(a->v, key_row(at, first + even)) + at->start : NULL;
      const uint16_t *high = odd < count ? (const uint16_t *)dk_row(a->v, key_row(at, first + odd)) + at->start : NULL;
      for (long column = 0; column < job->head_columns; column++) {
        const __mmask16 mask = V(mask)(a->head_dim - column * 16);
        __m512i x = _mm512_setzero_si512(), y = x;
        if (low) x = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, low + column * 16));
        if (high) y = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, high + column * 16));
        _mm512_store_si512(to + column * 1024 + i * 64, _mm512_or_si512(x, _mm512_slli_epi32(y, 16)));
      }
    }
}

#include "linear_amx_simd.h"
#include "attention_amx_simd.h"
#include "convolution_amx_simd.h"

const dk_amx dk_amx_native = {multiply_piece_amx, attend_amx, convolve_amx};
#endif

// ---------------------------------------------------------------- the emulation

#include "simd_portable.h"
#include "tiles_emulated.h"

static void read_queries_emulated(const amx_attention *job, const block *at, long first, long rows, char *to) {
  const dk_rows q = job->a->q;
  const long row_bytes = job->head_steps * 64;
  memset(to, 0, (size_t)(32 * row_bytes));
  for (long i = 0; i < rows; i++)
    memcpy(to + i * row_bytes, (const uint16_t *)dk_row(q, at->row + first + i) + at->start, (size_t)job->a->head_dim * 2);
}

static void pack_keys_emulated(const amx_attention *job, const block *at, long first, long count, char *to) {
  memset(to, 0, (size_t)(dk_ceil_div(count, 32) * 2 * job->head_steps * 1024));
  for (long key = 0; key < count; key++) {
    const uint16_t *from = (const uint16_t *)dk_row(job->a->k, key_row(at, first + key)) + at->start;
    for (long d = 0; d < job->a->head_dim; d++) {
      char *tile = to + (key / 16 * job->head_steps + d / 32) * 1024;
      memcpy(tile + d % 32 / 2 * 64 + key % 16 * 4 + d % 2 * 2, from + d, 2);
    }
  }
}

static void pack_values_emulated(const amx_attention *job, const block *at, long first, long count, char *to) {
  memset(to, 0, (size_t)(dk_ceil_div(count, 32) * job->head_columns * 1024));
  for (long key = 0; key < count; key++) {
    const uint16_t *from = (const uint16_t *)dk_row(job->a->v, key_row(at, first + key)) + at->start;
    for (long d = 0; d < job->a->head_dim; d++) {
      char *tile = to + (key / 32 * job->head_columns + d / 16) * 1024;
      memcpy(tile + key % 32 / 2 * 64 + d % 16 * 4 + key % 2 * 2, from + d, 2);
    }
  }
}

#include "linear_amx_simd.h"
#include "attention_amx_simd.h"
#include "convolution_amx_simd.h"

const dk_amx dk_amx_emulated = {multiply_piece_emulated, attend_emulated, convolve_emulated};
