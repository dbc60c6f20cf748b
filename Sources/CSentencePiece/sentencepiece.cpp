#include "CSentencePiece.h"

#include <sentencepiece_processor.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <vector>

struct csp_processor {
  sentencepiece::SentencePieceProcessor processor;
};

extern "C" {

csp_processor *csp_load(const void *bytes, size_t count, char *message, size_t message_size) {
  try {
    auto result = std::make_unique<csp_processor>();
    auto status = result->processor.LoadFromSerializedProto(absl::string_view(static_cast<const char *>(bytes), count));
    if (status.ok() && result->processor.GetPieceSize() > 0) return result.release();
    std::snprintf(message, message_size, "%s", status.ok() ? "it has no pieces" : status.error_message());
  } catch (const std::exception &error) {  // protobuf and the C++ library throw; nothing may cross into Swift
    std::snprintf(message, message_size, "%s", error.what());
  }
  return nullptr;
}

void csp_free(csp_processor *processor) { delete processor; }

int32_t csp_piece_count(const csp_processor *processor) { return processor->processor.GetPieceSize(); }
int32_t csp_pad_id(const csp_processor *processor) { return processor->processor.pad_id(); }
int32_t csp_bos_id(const csp_processor *processor) { return processor->processor.bos_id(); }
int32_t csp_eos_id(const csp_processor *processor) { return processor->processor.eos_id(); }
int32_t csp_unk_id(const csp_processor *processor) { return processor->processor.unk_id(); }

int64_t csp_encode(const csp_processor *processor, const char *text, size_t count, int32_t **ids) {
  *ids = nullptr;
  try {
    std::vector<int> result;
    if (!processor->processor.Encode(absl::string_view(text, count), &result).ok()) return -1;
    auto *copy = static_cast<int32_t *>(std::malloc(sizeof(int32_t) * (result.size() + 1)));
    if (!copy) return -1;
    for (size_t i = 0; i < result.size(); i++) copy[i] = result[i];
    *ids = copy;
    return static_cast<int64_t>(result.size());
  } catch (const std::exception &) {
    return -1;
  }
}

const char *csp_piece(const csp_processor *processor, int32_t id, size_t *count) {
  if (id < 0 || id >= processor->processor.GetPieceSize()) return nullptr;
  const std::string &piece = processor->processor.IdToPiece(id);
  *count = piece.size();
  return piece.data();
}

}  // extern "C"
