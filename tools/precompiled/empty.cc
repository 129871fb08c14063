// Something to compile for a target whose point is its precompiled header.
