#include "controlplane/appliance/trial.h"

#include <charconv>
#include <cstdint>
#include <string_view>
#include <system_error>
#include <utility>

#include "controlplane/appliance/file_bundle.h"
#include "controlplane/config/store_files.h"
#include "controlplane/runtime/files.h"

namespace carpool {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kDeadline = "deadline_ms";
constexpr std::string_view kDigest = "digest";

std::filesystem::path trial_file(const std::filesystem::path& source) {
  const auto folder = config::config_folder(source);
  if (folder == source) return folder / ".trial";
  return folder / ("." + source.filename().string() + ".trial");
}

}  // namespace

std::string write_trial(const Trial::Pending& pending) {
  const auto deadline = std::chrono::floor<milliseconds>(pending.deadline.time_since_epoch());
  return write_bundle({{{std::string(kDeadline), std::to_string(deadline.count())},
                        {std::string(kDigest), pending.digest}},
                       pending.before});
}

Result<Trial::Pending> read_trial(const std::string& text) {
  auto bundle = read_bundle(text);
  if (!bundle) return std::unexpected(bundle.error());
  const std::string_view deadline = bundle->get(kDeadline);
  std::int64_t ms = 0;
  const auto [end, error] = std::from_chars(deadline.data(), deadline.data() + deadline.size(), ms);
  if (error != std::errc{} || end != deadline.data() + deadline.size()) {
    return fail("it has no deadline");
  }
  return Trial::Pending{Trial::Clock::time_point(milliseconds(ms)),
                        std::string(bundle->get(kDigest)), std::move(bundle->files)};
}

Trial::Trial(std::filesystem::path source)
    : source_(std::move(source)), file_(trial_file(source_)) {}

Result<void> Trial::recall() {
  const auto text = read_text(file_);
  if (!text) return {};
  auto pending = read_trial(*text);
  if (!pending) {
    return fail(file_.string() + " cannot be understood, so nothing will be rolled back: " +
                pending.error().message);
  }
  pending_ = std::move(*pending);
  return {};
}

Result<void> Trial::begin(Pending pending) {
  if (auto written = replace_file(file_, write_trial(pending)); !written) return written;
  pending_ = std::move(pending);
  return {};
}

bool Trial::due(Clock::time_point now) const {
  return pending_ && now >= pending_->deadline;
}

Result<void> Trial::put_back() {
  if (!pending_) return {};
  if (auto back = config::put_files_back(source_, pending_->before); !back) return back;
  confirm();
  return {};
}

void Trial::confirm() {
  pending_.reset();
  std::error_code ignored;
  std::filesystem::remove(file_, ignored);
}

}  // namespace carpool
