#include "controlplane/config/store_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controlplane/config/read_files.h"

namespace carpool::config {
namespace {

namespace fs = std::filesystem;

using Closer = std::unique_ptr<const int, void (*)(const int*)>;

Closer closer_of(const int& fd) {
  return {&fd, [](const int* open_fd) { close(*open_fd); }};
}

std::unexpected<Error> failed(const fs::path& path, std::string_view doing) {
  return fail(fmt::format("{}: cannot be {}: {}", path.string(), doing, std::strerror(errno)));
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// The new name is as durable as the text only once the folder is on the disk, too.
void sync_folder(const fs::path& folder) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  const Closer closer = closer_of(fd);
  fsync(fd);
}

Result<void> remove_file(const fs::path& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return failed(path, "removed");
  return {};
}

const SourceFile* find_path(const std::vector<SourceFile>& files, const std::string& path) {
  const auto found = std::ranges::find(files, path, &SourceFile::path);
  return found == files.end() ? nullptr : &*found;
}

bool is_disabled(const SourceFile& file) {
  return file.path.ends_with(kDisabledSuffix);
}

}  // namespace

fs::path config_folder(const fs::path& source) {
  std::error_code ignored;
  if (fs::is_directory(source, ignored)) return source;
  return source.has_parent_path() ? source.parent_path() : fs::path(".");
}

Result<std::vector<SourceFile>> read_all_files(const fs::path& source) {
  std::error_code error;
  if (!fs::is_directory(source, error)) return read_files(source);
  std::vector<SourceFile> files;
  fs::directory_iterator at(source, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    const std::string name = at->path().filename().string();
    const bool wanted =
        name.ends_with(".cfg") || name.ends_with(".cfg" + std::string(kDisabledSuffix));
    if (!wanted || name.starts_with('.') || at->is_directory()) continue;
    auto file = read_files(at->path());
    if (!file) return std::unexpected(file.error());
    files.push_back(std::move(file->front()));
  }
  if (error) {
    return fail(fmt::format("{}: cannot be read: {}", source.string(), error.message()));
  }
  std::ranges::sort(files, {}, &SourceFile::path);
  return files;
}

Result<void> store_file(const fs::path& path, std::string_view text) {
  std::error_code ignored;
  // Through a link to the file that it stands for, which others may name, too.
  const fs::path target = fs::exists(path, ignored) ? fs::canonical(path, ignored) : path;
  const fs::path fresh = target.parent_path() / ("." + target.filename().string() + ".new");
  const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return failed(fresh, "created");
  const Closer closer = closer_of(fd);
  struct stat before{};
  if (stat(target.c_str(), &before) == 0) {
    // Who may not give files away keeps them as his own.
    if (fchown(fd, before.st_uid, before.st_gid) != 0) errno = 0;
    if (fchmod(fd, before.st_mode & 07777) != 0) return failed(fresh, "given its mode");
  }
  if (!write_all(fd, text) || fsync(fd) != 0) {
    const auto outcome = failed(fresh, "written");
    unlink(fresh.c_str());
    return outcome;
  }
  if (rename(fresh.c_str(), target.c_str()) != 0) return failed(target, "replaced");
  sync_folder(target.parent_path());
  return {};
}

Result<void> store_all_files(const fs::path& source, const std::vector<SourceFile>& files) {
  const auto present = read_all_files(source);
  if (!present) return std::unexpected(present.error());
  for (const SourceFile& file : files) {
    const SourceFile* now = find_path(*present, file.path);
    if (now != nullptr && now->text == file.text) continue;
    if (auto stored = store_file(file.path, file.text); !stored) return stored;
  }
  for (const SourceFile& file : *present) {
    if (find_path(files, file.path) != nullptr) continue;
    if (auto removed = remove_file(file.path); !removed) return removed;
  }
  sync_folder(config_folder(source));
  return {};
}

Result<void> put_files_back(const fs::path& source, const std::vector<SourceFile>& before) {
  const auto present = read_all_files(source);
  if (!present) return std::unexpected(present.error());
  const auto keep = [](const SourceFile& file) {
    return store_file(file.path + std::string(kUnconfirmedSuffix), file.text);
  };
  for (const SourceFile& file : before) {
    const SourceFile* now = find_path(*present, file.path);
    if (now != nullptr && now->text == file.text) continue;
    if (now != nullptr) {
      if (auto kept = keep(*now); !kept) return kept;
    }
    if (auto stored = store_file(file.path, file.text); !stored) return stored;
    // It had been switched off by its name: then it is not there twice.
    const SourceFile* off = find_path(*present, file.path + std::string(kDisabledSuffix));
    if (off == nullptr || off->text != file.text) continue;
    if (auto removed = remove_file(off->path); !removed) return removed;
  }
  for (const SourceFile& file : *present) {
    if (is_disabled(file) || find_path(before, file.path) != nullptr) continue;
    if (auto kept = keep(file); !kept) return kept;
    if (auto removed = remove_file(file.path); !removed) return removed;
  }
  sync_folder(config_folder(source));
  return {};
}

}  // namespace carpool::config
