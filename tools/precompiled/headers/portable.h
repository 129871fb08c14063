// As a header of its own, so that no program takes the one that was made for this machine's CPU.

#include "tools/precompiled/headers/standard.h"
