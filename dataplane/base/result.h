// Operating errors are values: what went wrong, in words an operator can act on.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace carpool {

struct Error {
  std::string message;  // what, where and what to do; no trailing full stop
};

template <class Value>
using Result = std::expected<Value, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(std::string message) {
  return std::unexpected(Error{std::move(message)});
}

}  // namespace carpool
