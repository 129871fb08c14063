// Lines to sections: opens sections, hands their lines to handlers, inherits from `defaults`.
#pragma once

#include <variant>
#include <vector>

#include "controlplane/config/draft.h"
#include "controlplane/config/lexer.h"
#include "controlplane/config/load.h"
#include "controlplane/config/statement.h"

namespace carpool::config {

class Parser {
 public:
  Parser(const LoadOptions& options, Report& report) : options_(options), report_(report) {}

  // Files in their order; `defaults` reach into the files that follow, sections do not.
  void parse_file(const SourceFile& file, std::uint32_t number);

  [[nodiscard]] Draft take() { return std::move(draft_); }

 private:
  struct Outside {};  // before the first section
  struct Skipped {};  // in a section that is not acted on
  using Section =
      std::variant<Outside, Skipped, Global*, NodeDraft*, RedundancyDraft*, ProxyDraft*>;

  [[nodiscard]] Scopes scopes() const;
  [[nodiscard]] std::string_view section_kind() const;

  void parse_line(const Line& line);
  bool say(const Line& line);
  [[nodiscard]] bool opens_section(const Line& line) const;
  void open_section(const Line& line);
  void open_proxy(Statement& statement);
  void inherit(ProxyDraft& proxy, Statement& statement);
  [[nodiscard]] const ProxyDraft* find_defaults(std::string_view name) const;

  void parse_keyword(const Line& line);
  void complain_about_unknown(const Line& line, const Word& first, std::string_view name);
  void run(Statement& statement);

  const LoadOptions& options_;
  Report& report_;
  Draft draft_;
  Section section_ = Outside{};
  const ProxyDraft* current_defaults_ = nullptr;
};

}  // namespace carpool::config
