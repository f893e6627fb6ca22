#!/usr/bin/env bash
# Installs what the build, the demo and (with the argument `test` or `bench`) the tests or the benchmark need and the machine
# lacks.
set -euo pipefail
# shellcheck source=dev/lib.sh
source "$(dirname "$0")/lib.sh"

packages=()
# need PACKAGES COMMAND...: wants the packages if the command fails.
need() {
  local wanted=$1
  shift
  "$@" >/dev/null 2>&1 || read -ra packages <<<"${packages[*]} $wanted"
}
has_headers() { [[ -e /usr/include/stdlib.h ]]; }
has_rabbitmq() { [[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ]]; }

need gcc command -v cc
need libc6-dev has_headers
need make command -v make
need pkg-config command -v pkg-config
need curl command -v curl
need ca-certificates test -e /etc/ssl/certs/ca-certificates.crt
need "postgresql postgresql-contrib" postgres_bin
need rabbitmq-server has_rabbitmq
if [[ ${1:-} == test ]]; then
  need openssl command -v openssl
  need python3-venv python3 -c 'import venv, ensurepip'
fi
if [[ ${1:-} == bench ]]; then
  need rsync command -v rsync
  need rclone command -v rclone
fi

if ((${#packages[@]} > 0)); then
  as_root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || die "as root, run: apt-get install -y ${packages[*]}"
    as_root=(sudo)
  fi
  say "installing with apt: ${packages[*]}"
  "${as_root[@]}" apt-get update -qq
  # Packages may start a Postgres and a RabbitMQ of their own: we neither use nor touch those.
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"
fi

command -v cargo >/dev/null || die "Rust is missing: see https://rustup.rs"
if [[ ${1:-} == test ]] && ! command -v cargo-nextest >/dev/null; then
  say "installing cargo-nextest (once, a few minutes)"
  cargo install --locked cargo-nextest
fi
