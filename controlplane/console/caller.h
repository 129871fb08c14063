// Who is at the other end of a unix socket, as the kernel knows it: for the log of what was done.
#pragma once

#include <string>

#include <sys/types.h>

namespace carpool::console {

struct Caller {
  uid_t uid = 0;
  pid_t pid = 0;
  // Who logged in, whatever they became since (sudo, su); as large as can be: nobody did.
  uid_t login_uid = static_cast<uid_t>(-1);

  // "root (login uid 1000)", "uid 33". No names from a directory: looking one up may block.
  [[nodiscard]] std::string text() const;
};

// Of a connected unix socket. What cannot be found out stays as above, with the uid of nobody.
[[nodiscard]] Caller caller_of(int socket);

}  // namespace carpool::console
