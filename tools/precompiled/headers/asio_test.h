// What tests of parts on the event loop include.

#include "tools/precompiled/headers/asio.h"
#include "tools/precompiled/headers/test.h"
