#!/usr/bin/env bash
# Runs a worker, and starts it again whenever it gives itself up: supervise.sh PIDFILE PROGRAM
# That is exit code 70 (ARCHITECTURE.md, "What does not stop"). Any other end is the end: somebody asked for it, or a restart
# would not help. PIDFILE always holds the pid of the worker itself.
set -uo pipefail

while :; do
  "$2" &
  pid=$!
  printf '%s\n' "$pid" >"$1"
  wait "$pid"
  code=$?
  ((code == 70)) || exit "$code"
  printf '{"level":"WARN","message":"the worker gave itself up: starting it again"}\n'
done
