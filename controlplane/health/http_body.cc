#include "controlplane/health/http_body.h"

#include <algorithm>

namespace carpool {
namespace {

constexpr unsigned kMaxSizeDigits = 15;  // fits 64 bits with room to spare

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return std::nullopt;
}

}  // namespace

HttpBody::HttpBody(Framing framing, std::uint64_t length) : framing_(framing), left_(length) {
  complete_ = framing == Framing::None || (framing == Framing::Length && length == 0);
  if (framing == Framing::Chunked) left_ = 0;
}

void HttpBody::feed(std::string_view bytes) {
  while (!bytes.empty() && !complete()) {
    if (framing_ == Framing::Chunked && chunk_ != Chunk::Data) {
      take_chunked(bytes);
    } else {
      take(bytes);
    }
  }
}

// Content, as far as it goes.
void HttpBody::take(std::string_view& bytes) {
  const bool bounded = framing_ != Framing::UntilClose;
  const auto size = bounded ? std::min<std::uint64_t>(left_, bytes.size()) : bytes.size();
  text_.append(bytes.substr(0, std::min<std::size_t>(size, kMaxReply - text_.size())));
  bytes.remove_prefix(size);
  if (!bounded) return;
  left_ -= size;
  if (left_ > 0) return;
  if (framing_ == Framing::Length) complete_ = true;
  chunk_ = Chunk::AfterData;
}

// One byte of what stands between the contents of chunks. Line ends of either kind will do.
void HttpBody::take_chunked(std::string_view& bytes) {
  const char c = bytes.front();
  bytes.remove_prefix(1);
  switch (chunk_) {
    case Chunk::Size:
      take_size_digit(c);
      break;
    case Chunk::Extension:
      if (c == '\n') end_size_line();
      break;
    case Chunk::AfterData:
      if (c == '\n') {
        chunk_ = Chunk::Size;
      } else if (c != '\r') {
        give_up();
      }
      break;
    case Chunk::Data:
      break;
  }
}

void HttpBody::take_size_digit(char c) {
  if (const auto digit = hex_digit(c)) {
    left_ = left_ * 16 + *digit;
    if (++digits_ > kMaxSizeDigits) give_up();
  } else if (digits_ == 0) {
    give_up();
  } else if (c == '\n') {
    end_size_line();
  } else if (c == '\r' || c == ';' || c == ' ' || c == '\t') {
    chunk_ = Chunk::Extension;
  } else {
    give_up();
  }
}

// A chunk of no bytes is the last one; trailers are of no interest.
void HttpBody::end_size_line() {
  digits_ = 0;
  complete_ = left_ == 0;
  chunk_ = Chunk::Data;
}

void HttpBody::give_up() {
  malformed_ = complete_ = true;
}

}  // namespace carpool
