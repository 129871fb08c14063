#include "tools/carpool/history.h"

#include <array>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <git2.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controlplane/config/store_files.h"

namespace carpool::tool {
namespace {

namespace fs = std::filesystem;

// libgit2 counts how often it was set up; one is enough for a program that ends soon.
void set_up_git() {
  static const int count = git_libgit2_init();
  static_cast<void>(count);
}

template <class Object, void (*kFree)(Object*)>
struct Freeing {
  void operator()(Object* object) const { kFree(object); }
};
template <class Object, void (*kFree)(Object*)>
using Owned = std::unique_ptr<Object, Freeing<Object, kFree>>;

using Commit = Owned<git_commit, git_commit_free>;
using Tree = Owned<git_tree, git_tree_free>;

std::unexpected<Error> failed(std::string_view doing) {
  const git_error* error = git_error_last();
  return fail(fmt::format("the history: cannot {}: {}", doing,
                          error == nullptr ? "no reason given" : error->message));
}

std::string hex(const git_oid& id) {
  std::array<char, GIT_OID_HEXSZ + 1> text{};
  git_oid_tostr(text.data(), text.size(), &id);
  return text.data();
}

Revision describe(const git_commit* commit) {
  const git_signature* author = git_commit_author(commit);
  std::string message = git_commit_message(commit);
  while (message.ends_with('\n'))
    message.pop_back();
  return {hex(*git_commit_id(commit)), author->name, author->when.time, author->when.offset,
          std::move(message)};
}

Result<Commit> look_up(git_repository* repository, const git_oid& id) {
  git_commit* commit = nullptr;
  if (git_commit_lookup(&commit, repository, &id) != 0) return failed("find " + hex(id));
  return Commit(commit);
}

// Nothing before the first revision.
Result<Commit> newest(git_repository* repository) {
  git_oid id;
  const int outcome = git_reference_name_to_id(&id, repository, "HEAD");
  if (outcome == GIT_ENOTFOUND) return Commit();
  if (outcome != 0) return failed("find the newest revision");
  return look_up(repository, id);
}

Result<git_oid> write_tree(git_repository* repository,
                           const std::vector<config::SourceFile>& files) {
  git_treebuilder* made = nullptr;
  if (git_treebuilder_new(&made, repository, nullptr) != 0) return failed("begin a tree");
  const Owned<git_treebuilder, git_treebuilder_free> builder(made);
  for (const config::SourceFile& file : files) {
    const std::string name = fs::path(file.path).filename().string();
    git_oid blob;
    const bool added =
        git_blob_create_from_buffer(&blob, repository, file.text.data(), file.text.size()) == 0 &&
        git_treebuilder_insert(nullptr, made, name.c_str(), &blob, GIT_FILEMODE_BLOB) == 0;
    if (!added) return failed("add " + name);
  }
  git_oid tree;
  if (git_treebuilder_write(&tree, made) != 0) return failed("write a tree");
  return tree;
}

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

}  // namespace

void History::Free::operator()(git_repository* repository) const {
  git_repository_free(repository);
}

History::History(fs::path folder, git_repository* repository)
    : folder_(std::move(folder)), repository_(repository) {}

fs::path History::folder_of(const fs::path& source) {
  return config::config_folder(source) / ".history";
}

Result<std::optional<History>> History::find(const fs::path& source) {
  set_up_git();
  const fs::path folder = folder_of(source);
  std::error_code error;
  if (!fs::exists(folder, error)) {
    if (error) return fail(fmt::format("{}: {}", folder.string(), error.message()));
    return std::nullopt;
  }
  git_repository* repository = nullptr;
  if (git_repository_open_bare(&repository, folder.c_str()) != 0) {
    return failed("open " + folder.string());
  }
  return History(config::config_folder(source), repository);
}

Result<History> History::make(const fs::path& source) {
  auto found = find(source);
  if (!found) return std::unexpected(found.error());
  if (*found) return std::move(**found);
  const fs::path folder = folder_of(source);
  git_repository_init_options options = GIT_REPOSITORY_INIT_OPTIONS_INIT;
  options.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_MKDIR;
  options.description = "The configuration of carpool";
  options.initial_head = "main";
  git_repository* repository = nullptr;
  const mode_t umask_before = umask(0077);
  const int outcome = git_repository_init_ext(&repository, folder.c_str(), &options);
  umask(umask_before);
  if (outcome != 0) return failed("make " + folder.string());
  return History(config::config_folder(source), repository);
}

Result<std::vector<Revision>> History::list(std::size_t limit) const {
  std::vector<Revision> revisions;
  auto commit = newest(repository_.get());
  while (commit && *commit && revisions.size() < limit) {
    revisions.push_back(describe(commit->get()));
    if (git_commit_parentcount(commit->get()) == 0) return revisions;
    const git_oid parent = *git_commit_parent_id(commit->get(), 0);
    commit = look_up(repository_.get(), parent);
  }
  if (!commit) return std::unexpected(commit.error());
  return revisions;
}

Result<Revision> History::find_revision(std::string_view name) const {
  git_object* found = nullptr;
  const std::string wanted = std::string(name) + "^{commit}";
  if (git_revparse_single(&found, repository_.get(), wanted.c_str()) != 0) {
    return fail(
        fmt::format("there is no revision '{}': 'carpool config history' lists them", name));
  }
  const Owned<git_object, git_object_free> object(found);
  const auto commit = look_up(repository_.get(), *git_object_id(found));
  if (!commit) return std::unexpected(commit.error());
  return describe(commit->get());
}

Result<std::vector<config::SourceFile>> History::files(const Revision& revision) const {
  git_oid id;
  if (git_oid_fromstr(&id, revision.id.c_str()) != 0) return failed("read a revision's name");
  const auto commit = look_up(repository_.get(), id);
  if (!commit) return std::unexpected(commit.error());
  git_tree* found = nullptr;
  if (git_commit_tree(&found, commit->get()) != 0) return failed("read " + revision.short_id());
  const Tree tree(found);
  std::vector<config::SourceFile> files;
  for (std::size_t at = 0; at < git_tree_entrycount(found); ++at) {
    const git_tree_entry* entry = git_tree_entry_byindex(found, at);
    if (git_tree_entry_type(entry) != GIT_OBJECT_BLOB) continue;
    git_blob* content = nullptr;
    if (git_blob_lookup(&content, repository_.get(), git_tree_entry_id(entry)) != 0) {
      return failed(std::string("read ") + git_tree_entry_name(entry));
    }
    const Owned<git_blob, git_blob_free> blob(content);
    const auto* bytes = static_cast<const char*>(git_blob_rawcontent(content));
    files.push_back({(folder_ / git_tree_entry_name(entry)).string(),
                     std::string(bytes, static_cast<std::size_t>(git_blob_rawsize(content)))});
  }
  return files;
}

Result<bool> History::is_newest(const std::vector<config::SourceFile>& files) const {
  const auto tree = write_tree(repository_.get(), files);
  if (!tree) return std::unexpected(tree.error());
  const auto commit = newest(repository_.get());
  if (!commit) return std::unexpected(commit.error());
  return *commit && git_oid_equal(&*tree, git_commit_tree_id(commit->get())) != 0;
}

Result<Revision> History::record(const std::vector<config::SourceFile>& files,
                                 std::string_view author, const std::string& message) {
  const auto tree_id = write_tree(repository_.get(), files);
  if (!tree_id) return std::unexpected(tree_id.error());
  const auto parent = newest(repository_.get());
  if (!parent) return std::unexpected(parent.error());
  if (*parent && git_oid_equal(&*tree_id, git_commit_tree_id(parent->get())) != 0) {
    return describe(parent->get());
  }
  git_tree* found = nullptr;
  if (git_tree_lookup(&found, repository_.get(), &*tree_id) != 0) return failed("read a tree");
  const Tree tree(found);
  git_signature* signature = nullptr;
  const std::string name(author);
  if (git_signature_now(&signature, name.c_str(), (name + "@" + host_name()).c_str()) != 0) {
    return failed("sign as '" + name + "'");
  }
  const Owned<git_signature, git_signature_free> owned(signature);
  std::array<const git_commit*, 1> parents = {parent->get()};
  git_oid id;
  if (git_commit_create(&id, repository_.get(), "HEAD", signature, signature, "UTF-8",
                        (message + "\n").c_str(), found, *parent ? 1 : 0, parents.data()) != 0) {
    return failed("record a revision");
  }
  const auto commit = look_up(repository_.get(), id);
  if (!commit) return std::unexpected(commit.error());
  return describe(commit->get());
}

}  // namespace carpool::tool
