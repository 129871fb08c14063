#include "controlplane/health/mysql_check.h"

#include <utility>

namespace carpool::mysql {
namespace {

constexpr int kSyntaxError = 1064;

}  // namespace

Check::Check(CheckRequest request)
    : session_(std::move(request.login), request.channel),
      expect_(request.expect),
      questions_(questions_for(expect_)),
      has_query_(!request.query.empty()) {
  if (has_query_) questions_.push_back({std::move(request.query)});
}

CheckStep Check::receive(std::string_view bytes) {
  CheckStep step;
  if (result_) {
    step.result = result_;
    return step;
  }
  act(session_.receive(bytes), step);
  return step;
}

CheckStep Check::tls_started() {
  CheckStep step;
  act(session_.tls_started(), step);
  return step;
}

CheckResult Check::closed() {
  if (!result_) {
    session_.closed();
    result_ = session_.failure();
  }
  return *result_;
}

// Goes on with what has arrived until more is needed.
void Check::act(Progress progress, CheckStep& step) {
  for (;;) {
    step.send += progress.send;
    switch (progress.event) {
      case SessionEvent::None:
        return;
      case SessionEvent::StartTls:
        step.start_tls = true;
        return;
      case SessionEvent::Failed:
        result_ = step.result = session_.failure();
        return;
      case SessionEvent::LoggedIn:
        ask_next(step);
        break;
      case SessionEvent::Answered:
        take_answer(step);
        break;
    }
    if (step.result) return;
    progress = session_.receive({});
  }
}

void Check::ask_next(CheckStep& step) {
  if (answers_.size() == questions_.size()) return judge_all(step);
  step.send += session_.query(questions_[answers_.size()][spelling_]);
}

void Check::take_answer(CheckStep& step) {
  const auto& answer = session_.answer();
  const auto& spellings = questions_[answers_.size()];
  if (!answer.error) {
    answers_.push_back(answer);
    spelling_ = 0;
  } else if (answer.error->code == kSyntaxError && spelling_ + 1 < spellings.size()) {
    ++spelling_;
  } else {
    return finish(CheckStatus::L7Status, answer.error->message, answer.error->code, step);
  }
  ask_next(step);
}

void Check::judge_all(CheckStep& step) {
  auto judgement = judge(expect_, answers_);
  if (judgement.good && has_query_) judgement = judge_query(answers_.back());
  auto text = std::move(judgement.text);
  if (text.empty()) text = session_.server_version();
  finish(judgement.good ? CheckStatus::L7Ok : CheckStatus::L7Status, text, 0, step);
}

void Check::finish(CheckStatus status, std::string_view text, int code, CheckStep& step) {
  step.send += session_.quit();
  result_ = step.result = CheckResult{.status = status, .code = code, .text = printable(text)};
}

}  // namespace carpool::mysql
