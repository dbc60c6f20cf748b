// What attention.c and its template share.
#ifndef DIT_T2I_ATTENTION_H
#define DIT_T2I_ATTENTION_H
#include "simd.h"

enum {
  weight_levels = 8191,  // of a softmax, with DK_I16_UNITS: 0…8191; DK_I16_LEVELS of all else. 128 · 8191 · 2047 < 2³¹
  query_block = 64,
  key_block = 128,
  most_blocks = 4,   // of queries of a task
  near_keys = 1024,  // as many stay in the L2 cache by themselves
};

// A block of queries of one head, and the keys it may look at.
typedef struct {
  long head, start;    // its first column is start = head * head_dim
  long query, row;     // of the picture, and the row of q and out
  long count;          // queries
  long key_row, keys;  // the item's first row of k and v, and how many keys it has for us
  const int32_t *list; // which keys those are, or NULL: the first ones
} block;

DK_INLINE long key_row(const block *at, long key) { return at->key_row + (at->list ? at->list[key] : key); }

// Long sequences outgrow the near caches, and rows of one head lie too far apart for the processor to foresee.
DK_INLINE void prefetch_key(const dk_attention_arguments *a, const block *at, long key) {
  const char *k = dk_row(a->k, key_row(at, key)), *v = dk_row(a->v, key_row(at, key));
  const long size = (long)dk_type_size(a->k.type), from = at->start * size, end = from + a->head_dim * size;
  for (long byte = from; byte < end; byte += 64) {
    __builtin_prefetch(k + byte, 0, 2);
    __builtin_prefetch(v + byte, 0, 2);
  }
}

// One thread's memory for a block of queries. [n][query_block] unless noted. The blocks of a task share what is below `mixed`.
typedef struct {
  float largest[query_block], total[query_block], rescale[query_block];
  float query_worth[query_block];  // DK_I16_UNITS: of a level of a query
  float key_worth[key_block];      // and of a key
  unit *queries;   // [units]
  float *mixed;    // [head_dim]
  float *scores;   // [key_block]
  unit *keys;      // [key_block][units]: keys that cannot be read in place
  unit *values;    // [key_block][head_dim]
  float *rows;     // [4][head_dim]: rows on their way in and out
  float *value_levels, *value_worth;  // [head_dim], DK_I16_UNITS: levels that 1 is, and what one is worth
  int32_t *list;   // [keys]
} workspace;

// Which keys of the item may be looked at: sets at->key_row, keys and list, which has room for all keys. What is masked is
// never read, so it can have no influence. attention.c
void dk_choose_keys(const dk_attention_arguments *a, long item, int32_t *list, block *at);

// Attention by the table's `attend`: what an instruction set without tasks of its own has for `attention`. attention.c
dk_status dk_attention_by_blocks(dk_engine *engine, const dk_attention_arguments *arguments);
// Attention by tile registers: what AMX and its emulation have. attention_amx.c
dk_status dk_attention_amx(dk_engine *engine, const dk_attention_arguments *arguments);
#endif
