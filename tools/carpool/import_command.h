// carpool import: reads the files of two FreeBSD machines, and writes a folder for carpool.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace carpool::tool {

// Adds the command; `chosen` becomes what it was told to do, and stays empty for other commands.
void add_import(CLI::App& app, std::function<int()>& chosen);

}  // namespace carpool::tool
