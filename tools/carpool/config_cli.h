// The command line of `carpool config`.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace carpool::tool {

// Adds the command; `chosen` becomes what it was told to do, and stays empty for other commands.
void add_config(CLI::App& app, std::function<int()>& chosen);

}  // namespace carpool::tool
