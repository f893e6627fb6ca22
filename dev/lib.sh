# shellcheck shell=bash
# Shared by the scripts beside it: sourced, never run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

# A person's own PGHOST, PGUSER or PGOPTIONS must not lead us to another server.
for name in "${!PG@}"; do
  [[ $name == PGBENCH_SCALE ]] || unset "$name"
done
# rustup's folder is missing from PATH in shells that are not login shells.
command -v cargo >/dev/null || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin

say() { printf '==> %s\n' "$*"; }
warn() { printf '==> %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# The folder of initdb, pg_ctl and pg_dump. Debian keeps the server's programs out of PATH.
postgres_bin() {
  local dir
  for dir in "$(pg_config --bindir 2>/dev/null || true)" $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV); do
    if [[ -x $dir/initdb && -x $dir/pgbench ]]; then
      printf '%s\n' "$dir"
      return
    fi
  done
  return 1
}

# ---- KEY=value files ----

# value FILE KEY
value() { { sed -n "s/^$2=//p" "$1" 2>/dev/null || true; } | tail -n 1; }

# put FILE KEY VALUE: sets one line. The files hold passwords, so nobody else reads them.
put() (
  umask 077
  { { grep -v "^$2=" "$1" 2>/dev/null || true; } && printf '%s=%s\n' "$2" "$3"; } >"$1.new"
  mv "$1.new" "$1"
)

# load FILE: exports every line as it stands, whatever characters the value holds.
load() {
  local line
  while IFS= read -r line; do
    [[ $line != *=* ]] || export "${line?}"
  done <"$1"
}

# secret FILE KEY BYTES: a random hex string, made once and kept.
secret() {
  [[ -n $(value "$1" "$2") ]] || put "$1" "$2" "$(od -An -vtx1 -N"$3" /dev/urandom | tr -d ' \n')"
}

# ---- ports ----

taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# keep_port FILE KEY: a port chosen once and kept; another one only if somebody else took it meanwhile.
# Below 32768, where the kernel does not hand out ports to clients.
keep_port() {
  local port
  port=$(value "$1" "$2")
  [[ -z $port ]] || taken "$port" || return 0
  for _ in {1..100}; do
    port=$((20000 + RANDOM % 10000))
    if ! taken "$port" && ! grep -qs "=$port\$" "$root"/.dev/*/ports; then
      put "$1" "$2" "$port"
      return
    fi
  done
  die "no free port found between 20000 and 29999"
}

# ---- processes ----

# runs PID MARK...: the process runs, and is ours by one or two MARKs in its command line and environment, in order.
# A pid file may outlive a restart of the machine, and its number may then belong to another process.
runs() {
  [[ $1 =~ ^[0-9]+$ && -d /proc/$1 ]] || return 1
  [[ $(cat "/proc/$1/cmdline" "/proc/$1/environ" 2>/dev/null | tr '\0' '\n') == *"$2"*"${3:-}"* ]]
}

# alive PIDFILE MARK...
alive() { runs "$(pid_of "$1")" "${@:2}"; }

pid_of() { head -n 1 "$1" 2>/dev/null || true; }

# finish NAME SECONDS PID MARK...: waits for the end of a process that was told to stop, then kills it.
# By its pid, for RabbitMQ removes its pid file before it ends.
finish() {
  local deadline=$((SECONDS + $2))
  while runs "${@:3}"; do
    if ((SECONDS >= deadline)); then
      warn "$1 did not stop in time: killing it"
      kill -KILL "$3" 2>/dev/null || true
      deadline=$((SECONDS + 5))
    fi
    sleep 0.1
  done
}
