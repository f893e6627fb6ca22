#!/usr/bin/env bash
# The chaos run alone, with its story shown. CHAOS_SECONDS, CHAOS_SEED and CHAOS_BROKER=off set its terms.
set -euo pipefail
# shellcheck source=dev/lib.sh
source "$(dirname "$0")/lib.sh"
cd "$root"

leave() {
  local code=$?
  trap - EXIT INT TERM
  dev/services.sh stop .dev/chaos || true
  exit "$code"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

cargo build --workspace --locked
cargo nextest run --workspace --locked --no-capture -E 'binary(chaos) & test(=chaos_run)'
