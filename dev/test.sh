#!/usr/bin/env bash
# All tests, with the services they need. Arguments go to nextest: test.sh -p safepoint-store
set -euo pipefail
# shellcheck source=dev/lib.sh
source "$(dirname "$0")/lib.sh"

services=$root/.dev/test venv=$root/.dev/venv
requirements=$root/shared/testkit/tests/sdk/requirements.txt
cd "$root"

leave() {
  local code=$?
  trap - EXIT INT TERM
  dev/services.sh stop "$services" || true
  # The chaos run's own, should it have been interrupted.
  dev/services.sh stop .dev/chaos || true
  exit "$code"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

dev/services.sh start "$services"
load "$services/env"

# Google's own clients, and an S3 server. Made anew when the list or the place of the clone changes.
mark=$({ cat "$requirements" && printf '%s' "$venv"; } | sha256sum)
if [[ ! -e $venv/mark || $(cat "$venv/mark") != "$mark" ]]; then
  say "creating the Python environment of the client tests (once)"
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
  printf '%s\n' "$mark" >"$venv/mark"
fi
export TEST_PYTHON=$venv/bin/python
# The server's own pg_dump, before the wrapper of Debian that guesses a version.
PATH=$(postgres_bin):$PATH

# The end-to-end tests run the services' binaries, with failpoints that do nothing unless a test says so.
cargo build --workspace --features failpoints --locked
cargo nextest run --workspace --features failpoints --locked "$@"
# nextest does not run the examples in the documentation.
(($# > 0)) || cargo test --doc --workspace --features failpoints --locked
