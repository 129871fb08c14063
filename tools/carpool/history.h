// What the configuration was, and who changed it: a git repository beside it. It is bare, so that
// no checkout can get in the way of the files, and plain git reads it:
//   git -C /etc/carpool/conf.d/.history log -p
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/config/diagnostic.h"
#include "dataplane/base/result.h"

struct git_repository;

namespace carpool::tool {

struct Revision {
  std::string id;  // 40 hexadecimal digits
  std::string author;
  std::int64_t time_s = 0;  // since 1970
  int utc_offset_minutes = 0;
  std::string message;

  [[nodiscard]] std::string short_id() const { return id.substr(0, 10); }
};

class History {
 public:
  // Nothing: there is no history yet.
  [[nodiscard]] static Result<std::optional<History>> find(const std::filesystem::path& source);
  // Made where there is none. Only its owner may look into it: it holds passwords.
  [[nodiscard]] static Result<History> make(const std::filesystem::path& source);
  [[nodiscard]] static std::filesystem::path folder_of(const std::filesystem::path& source);

  // The newest first.
  [[nodiscard]] Result<std::vector<Revision>> list(std::size_t limit) const;
  // Whatever git understands: "1f3a9c", "HEAD~2", "HEAD@{yesterday}".
  [[nodiscard]] Result<Revision> find_revision(std::string_view name) const;
  // With the paths that they have, or had, beside the history.
  [[nodiscard]] Result<std::vector<config::SourceFile>> files(const Revision& revision) const;
  // Whether the newest revision has exactly these files.
  [[nodiscard]] Result<bool> is_newest(const std::vector<config::SourceFile>& files) const;
  // A new revision, or the newest if it has the same files.
  [[nodiscard]] Result<Revision> record(const std::vector<config::SourceFile>& files,
                                        std::string_view author, const std::string& message);

 private:
  struct Free {
    void operator()(git_repository* repository) const;
  };
  History(std::filesystem::path folder, git_repository* repository);

  std::filesystem::path folder_;  // of the configuration
  std::unique_ptr<git_repository, Free> repository_;
};

}  // namespace carpool::tool
