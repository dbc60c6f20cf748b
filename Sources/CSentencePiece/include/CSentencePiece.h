// C bindings of the SentencePiece library (Kudo and Richardson 2018, arXiv 1808.06226). Errors come back as text.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct csp_processor csp_processor;

// Loads a serialised model. On failure returns NULL and writes one line to `message`.
csp_processor *csp_load(const void *bytes, size_t count, char *message, size_t message_size);
void csp_free(csp_processor *processor);

int32_t csp_piece_count(const csp_processor *processor);
int32_t csp_pad_id(const csp_processor *processor);
int32_t csp_bos_id(const csp_processor *processor);
int32_t csp_eos_id(const csp_processor *processor);
int32_t csp_unk_id(const csp_processor *processor);

// Encodes any bytes (malformed UTF-8 becomes U+FFFD). Returns the number of ids, or -1 on failure.
// *ids is allocated with malloc and belongs to the caller.
int64_t csp_encode(const csp_processor *processor, const char *text, size_t count, int32_t **ids);

// The piece of an id: bytes owned by the processor, or NULL outside 0..<piece_count.
const char *csp_piece(const csp_processor *processor, int32_t id, size_t *count);

#ifdef __cplusplus
}
#endif
