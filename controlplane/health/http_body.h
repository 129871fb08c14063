// Takes the body of an HTTP reply out of its framing (RFC 9112, 6 and 7.1): a length, chunks, or
// whatever comes until the connection ends. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "controlplane/health/reply.h"

namespace carpool {

class HttpBody {
 public:
  enum class Framing : std::uint8_t { None, Length, Chunked, UntilClose };

  HttpBody() = default;
  explicit HttpBody(Framing framing, std::uint64_t length = 0);

  void feed(std::string_view bytes);

  [[nodiscard]] const std::string& text() const { return text_; }
  // Nothing more is going to be added: the last byte is there, or no more is kept.
  [[nodiscard]] bool complete() const { return complete_ || text_.size() == kMaxReply; }
  // The chunks are none. What came before them is in the text.
  [[nodiscard]] bool malformed() const { return malformed_; }

 private:
  enum class Chunk : std::uint8_t { Size, Extension, Data, AfterData };

  void take(std::string_view& bytes);
  void take_chunked(std::string_view& bytes);
  void take_size_digit(char c);
  void end_size_line();
  void give_up();

  Framing framing_ = Framing::UntilClose;
  std::uint64_t left_ = 0;  // of the body, or of the chunk
  Chunk chunk_ = Chunk::Size;
  unsigned digits_ = 0;  // of the chunk's size
  bool complete_ = false;
  bool malformed_ = false;
  std::string text_;  // at most kMaxReply
};

}  // namespace carpool
