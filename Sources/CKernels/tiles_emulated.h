// Selects tile instructions written in C (tiles_emulated.c) for the template that is included next: see tiles_amx.h. For
// tests of everything around the instructions on machines without them.
#undef T
#undef TILE_TARGET
#undef TILE_BEGIN
#undef TILE_END
#undef TILE_LOAD
#undef TILE_STREAM
#undef TILE_STORE
#undef TILE_ZERO
#undef TILE_DOT_BF16
#undef TILE_DOT_I8
#define T(name) name##_emulated
#define TILE_TARGET
#define TILE_BEGIN ((void)0)
#define TILE_END ((void)0)
#define TILE_LOAD(t, from, stride) dk_tile_load(t, from, stride)
#define TILE_STREAM(t, from, stride) dk_tile_load(t, from, stride)
#define TILE_STORE(t, to, stride) dk_tile_store(t, to, stride)
#define TILE_ZERO(t) dk_tile_zero(t)
#define TILE_DOT_BF16(c, a, b) dk_tile_dot_bf16(c, a, b)
#define TILE_DOT_I8(c, a, b) dk_tile_dot_i8(c, a, b)

#ifndef DK_TILES_EMULATED
#define DK_TILES_EMULATED
void dk_tile_load(int tile, const void *from, long stride);
void dk_tile_store(int tile, void *to, long stride);
void dk_tile_zero(int tile);
void dk_tile_dot_bf16(int c, int a, int b);
void dk_tile_dot_i8(int c, int a, int b);
#endif
