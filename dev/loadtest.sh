#!/usr/bin/env bash
# Runs the system, then `loadtest ARGUMENTS...` against it, then stops it, unless it was running before.
set -euo pipefail
# shellcheck source=dev/lib.sh
source "$(dirname "$0")/lib.sh"

running_before=no
if "$root/dev/system.sh" status >/dev/null; then running_before=yes; fi

# Runs at every end, an interrupt included: what was started here does not stay behind.
leave() {
  local code=$?
  trap - EXIT INT TERM
  if ((code != 0)); then warn "it failed (exit code $code); the logs are in $root/.dev/run/log"; fi
  if [[ $running_before == no ]]; then
    "$root/dev/system.sh" stop || true
    say "stopped again, the data is kept in .dev; to look round yourself: make up, then read .dev/env; make down"
  fi
  exit "$code"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The benchmark cancels 1,000 running operations at once: two workers must be able to run them.
if [[ ${1:-} == bench ]]; then export SAFEPOINT_WORKER_SLOTS=${SAFEPOINT_WORKER_SLOTS:-600}; fi
"$root/dev/system.sh" start
load "$root/.dev/env"
"${SAFEPOINT_BIN_DIR:-${CARGO_TARGET_DIR:-$root/target}/release}/loadtest" "$@"
