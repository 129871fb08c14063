#include "drivers/own_sockets.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include <dirent.h>
#include <sys/socket.h>

namespace carpool {

std::vector<int> own_sockets(int family) {
  std::vector<int> sockets;
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return sockets;
  while (const dirent* entry = readdir(folder)) {
    const int fd = std::atoi(entry->d_name);  // "." and "..": 0, which is no such socket
    int found = 0;
    socklen_t size = sizeof(found);
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &found, &size) == 0 && found == family) {
      sockets.push_back(fd);
    }
  }
  closedir(folder);
  std::ranges::sort(sockets);
  return sockets;
}

std::vector<int> appeared(const std::vector<int>& before, const std::vector<int>& now) {
  std::vector<int> added;
  std::ranges::set_difference(now, before, std::back_inserter(added));
  return added;
}

}  // namespace carpool
