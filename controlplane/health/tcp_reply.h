// A reply to `tcp-check`: bytes without structure. Pure.
#pragma once

#include <string>

#include "controlplane/health/reply.h"

namespace carpool {

class TcpReply final : public Reply {
 public:
  void feed(std::string_view bytes) override;
  void end() override { ended_ = true; }
  [[nodiscard]] Judgement judge(const config::CheckRule& rule,
                                const config::ExpectRule& expect) const override;
  [[nodiscard]] bool empty() const override { return bytes_.empty(); }

 private:
  std::string bytes_;  // at most kMaxReply
  bool ended_ = false;
};

}  // namespace carpool
