#include "tools/probe/answer_cache.h"

#include <utility>

namespace carpool::probe {

AnswerCache::Ask AnswerCache::ask(Instant now) {
  if (started_) return hangs_ ? Ask::Answered : Ask::Wait;
  if (answer_ && now - answered_ < keep_) return Ask::Answered;
  started_ = now;
  return Ask::StartCheck;
}

void AnswerCache::finished(Verdict verdict, Instant now) {
  answer_ = std::move(verdict);
  answered_ = now;
  started_.reset();
  hangs_ = false;
}

std::optional<Instant> AnswerCache::overdue_at() const {
  if (!started_ || hangs_) return std::nullopt;
  return *started_ + limit_;
}

void AnswerCache::overdue() {
  answer_ = down(kHangs);
  hangs_ = true;
}

}  // namespace carpool::probe
