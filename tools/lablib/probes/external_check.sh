#!/bin/bash
# A program for `external-check`: does what the server tells it to do. The server speaks first:
# a number (the status to exit with, and words to say), "hang", or "die".
if ! exec 3<>"/dev/tcp/$3/$4"; then
    exit 1
fi 2>/dev/null
read -r verb words <&3
case $verb in
    hang) sleep 1000 & wait ;;
    die) kill -KILL $$ ;;
    *) echo "$words"; exit "$verb" ;;
esac
