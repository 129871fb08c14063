"""Small programs that run inside a namespace, measure, and write what they saw to a file when they
are told to stop (SIGTERM) or their time is over. All times are seconds of the monotonic clock, one
for all namespaces."""
