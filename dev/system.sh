#!/usr/bin/env bash
# The whole system on this machine: system.sh start|stop|status
# Everything lies under .dev/run; .dev/env tells any client where the system is and how to speak to it.
# SAFEPOINT_BIN_DIR names a folder of ready-made binaries, PGBENCH_SCALE the size of the customer's data (50).
set -euo pipefail
# shellcheck source=dev/lib.sh
source "$(dirname "$0")/lib.sh"

run=$root/.dev/run ports=$root/.dev/run/ports secrets=$root/.dev/run/secrets
pids=$run/pid supervisors=$run/supervisor logs=$run/log buckets=$run/buckets bucket=$run/buckets/demo-exports
# In memory, for the benchmark of transfers: by the clone's place, for another clone may run beside.
memory=/dev/shm/safepoint-$(cksum <<<"$root" | cut -d ' ' -f 1)
processes=(api-1 api-2 worker-1 worker-2 keeper-1 keeper-2)
projects=(demo-project demo-neighbour)
bin=${SAFEPOINT_BIN_DIR:-${CARGO_TARGET_DIR:-$root/target}/release}

main() {
  case ${1:-} in
    start) start ;;
    stop) stop ;;
    status) status ;;
    *) die "usage: system.sh start|stop|status" ;;
  esac
}

start() {
  umask 022
  mkdir -p "$pids" "$supervisors" "$logs" "$bucket"
  "$root/dev/services.sh" start "$run"
  fill_shop
  fill_buckets
  build
  load "$run/env"
  say "migrating our database"
  "$bin/safepoint-keeper" migrate --api-role safepoint_api --worker-role safepoint_worker \
    --keeper-role safepoint_keeper >"$logs/migrate.log" 2>&1 || failed migrate "the migration failed"
  make_projects
  write_config
  load "$root/.dev/env"
  local name
  for name in "${processes[@]}"; do launch "$name"; done
  for name in "${processes[@]}"; do wait_ready "$name"; done
  say "ready: $SAFEPOINT_URL (settings in .dev/env, logs in .dev/run/log)"
}

stop() {
  end_processes "${processes[@]}"
  "$root/dev/services.sh" stop "$run"
  rm -rf "$memory"
}

status() {
  local name code=0
  for name in "${processes[@]}"; do
    if is_running "$name"; then
      printf '%-9s running, pid %s, http://%s/metrics\n' "$name" "$(pid_of "$pids/$name")" "$(admin "$name")"
    else
      printf '%-9s stopped\n' "$name"
      code=1
    fi
  done
  return "$code"
}

# ---- what the processes need ----

# The customer's data: about 5 million rows at scale 50. Once it is complete the database itself says so.
fill_shop() {
  local mark="pgbench at scale ${PGBENCH_SCALE:-50}" bin url
  bin=$(postgres_bin) url=$(value "$run/env" SAFEPOINT_CUSTOMER_URL)
  sql() { "$bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 "$url" -c "$1"; }
  [[ $(sql "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'shop'") != "$mark" ]] || return 0
  say "filling the customer's database shop: $mark (once)"
  sql "COMMENT ON DATABASE shop IS NULL"
  "$bin/pgbench" -i -s "${PGBENCH_SCALE:-50}" -q "$url" >"$logs/pgbench.log" 2>&1 || failed pgbench "pgbench failed"
  sql "COMMENT ON DATABASE shop IS '$mark'"
}

# What transfers take from: few objects, and more than two minutes' worth at the limit of demo-slow. And where they go to:
# empty when the system starts.
fill_buckets() {
  is_running worker-1 || is_running worker-2 || rm -rf "$buckets/demo-sink"
  mkdir -p "$buckets/demo-sink" "$memory"
  fill "$buckets/demo-source" 12 $((256 * 1024))
  fill "$buckets/demo-slow" 288 $((512 * 1024))
}

# fill FOLDER COUNT BYTES: so many objects of so many bytes each, in folders of 100; complete or not at all.
fill() {
  local folder=$1 number name
  [[ ! -e $folder ]] || return 0
  say "filling the bucket ${folder##*/}: $2 objects of $(($3 / 1024)) KiB (once)"
  rm -rf "$folder.new"
  for ((number = 0; number < $2; number++)); do
    printf -v name '%s.new/%02d/object-%04d.bin' "$folder" $((number / 100)) "$number"
    ((number % 100)) || mkdir -p "${name%/*}"
    head -c "$3" /dev/urandom >"$name"
  done
  mv "$folder.new" "$folder"
}

build() {
  [[ -z ${SAFEPOINT_BIN_DIR:-} ]] || return 0
  say "building the release binaries (the first time takes minutes)"
  (cd "$root" && cargo build --release --locked -p safepoint-api -p safepoint-worker -p safepoint-keeper -p safepoint-loadtest)
}

# As an operator does it: limits that load tests fit in, and a token, of which our database keeps the hash alone. The
# neighbour is there for load tests, to be in the demo project's way.
make_projects() {
  [[ $(value "$secrets" SAFEPOINT_TOKEN_FOR) != "${projects[*]}" ]] || return 0
  local project token may=()
  for project in "${projects[@]}"; do
    "$bin/safepoint-keeper" project set "$project" --queued 1000000 2>"$logs/project.log" ||
      failed project "no project was made"
    may+=(--project "$project")
  done
  token=$("$bin/safepoint-keeper" token create --name "demo-$(date +%s)" "${may[@]}" \
    --scope https://www.googleapis.com/auth/cloud-platform --scope operations.admin 2>"$logs/token.log") || failed token "no token was made"
  put "$secrets" SAFEPOINT_TOKEN "$token"
  put "$secrets" SAFEPOINT_TOKEN_FOR "${projects[*]}"
}

write_config() {
  local name
  secret "$secrets" SAFEPOINT_PAGE_TOKEN_KEY 32
  secret "$secrets" SECRET_KEY 32
  for name in api-1 api-2; do is_running "$name" || keep_port "$ports" "$(key "$name" LISTEN)"; done
  for name in "${processes[@]}"; do is_running "$name" || keep_port "$ports" "$(key "$name" ADMIN)"; done

  (umask 077 && config >"$run/safepoint.toml.new" && environment >"$root/.dev/env.new")
  # Processes that were told something else have to be told anew.
  if ! cmp -s "$run/safepoint.toml.new" "$run/safepoint.toml" || ! cmp -s "$root/.dev/env.new" "$root/.dev/env"; then
    end_processes "${processes[@]}"
  fi
  mv "$run/safepoint.toml.new" "$run/safepoint.toml"
  mv "$root/.dev/env.new" "$root/.dev/env"
}

config() {
  local url=${buckets//%/%25}
  url=${url// /%20}
  cat <<END
[[clusters]]
name = "projects/demo-project/locations/local/clusters/main"
host = "127.0.0.1"
port = $(value "$ports" POSTGRES_PORT)
user = "safepoint_export"
password_env = "SAFEPOINT_DEMO_CLUSTER_PASSWORD"

[[buckets]]
name = "demo-exports"
url = "file://$url/demo-exports/"
projects = ["demo-project"]

[[buckets]]
name = "demo-source"
url = "file://$url/demo-source/"
projects = ["demo-project"]

# More than two minutes to read.
[[buckets]]
name = "demo-slow"
url = "file://$url/demo-slow/"
transfer_bytes_per_second = 1048576
projects = ["demo-project"]

[[buckets]]
name = "demo-sink"
url = "file://$url/demo-sink/"
projects = ["demo-project"]

# For the benchmark.
[[buckets]]
name = "demo-memory"
url = "file://$memory/"
projects = ["demo-project"]

# The same server, named by a caller in spec.server.
[[destinations]]
projects = ["demo-project"]
network = "127.0.0.1/32"
ports = [$(value "$ports" POSTGRES_PORT)]

[worker]
slots = 16

[kinds."demo.steps"]
enabled = true

[limits]
# Load tests are one caller.
requests_per_second = { calls = 100000, burst = 100000 }
creations_per_minute = { calls = 1000000, burst = 1000000 }
END
}

environment() {
  local api_1 api_2 name admins=()
  api_1=http://$(listen api-1) api_2=http://$(listen api-2)
  for name in "${processes[@]}"; do admins+=("http://$(admin "$name")"); done
  cat "$run/env"
  cat <<END
SAFEPOINT_URL=$api_1
SAFEPOINT_URLS=$api_1,$api_2
SAFEPOINT_TOKEN=$(value "$secrets" SAFEPOINT_TOKEN)
SAFEPOINT_PROJECT=${projects[0]}
SAFEPOINT_NEIGHBOUR=${projects[1]}
SAFEPOINT_REGION=local
SAFEPOINT_CLUSTER=main
SAFEPOINT_DATABASE=shop
SAFEPOINT_BUCKET=demo-exports
SAFEPOINT_DATA_DIR=$bucket
SAFEPOINT_STS_SOURCE_BUCKET=demo-source
SAFEPOINT_STS_SLOW_SOURCE_BUCKET=demo-slow
SAFEPOINT_STS_SINK_BUCKET=demo-sink
SAFEPOINT_BUCKETS_DIR=$buckets
SAFEPOINT_MEMORY_BUCKET=demo-memory
SAFEPOINT_MEMORY_DIR=$memory
SAFEPOINT_CONFIG=$run/safepoint.toml
SAFEPOINT_LOG_DIR=$logs
SAFEPOINT_PID_DIR=$pids
SAFEPOINT_ADMIN_URLS=$(IFS=, && printf '%s' "${admins[*]}")
END
}

# ---- the processes ----

# Each process works under its own role (`safepoint-keeper migrate` gives it its rights); commands as the owner.
database_url() {
  local name=${1%-*}
  printf 'postgres://safepoint_%s:%s@127.0.0.1:%s/safepoint' "$name" "$(value "$secrets" "$(key "$name" PASSWORD)")" \
    "$(value "$ports" POSTGRES_PORT)"
}

program() { printf '%s/safepoint-%s' "$bin" "${1%-*}"; }
key() { tr a-z- A-Z_ <<<"$1_$2"; }
listen() { printf '127.0.0.1:%s' "$(value "$ports" "$(key "$1" LISTEN)")"; }
admin() { printf '127.0.0.1:%s' "$(value "$ports" "$(key "$1" ADMIN)")"; }
# By its settings too: two clones may share a folder of binaries.
is_running() { alive "$pids/$1" "$(program "$1")" "SAFEPOINT_CONFIG=$run/safepoint.toml"; }

# end_processes NAME...: all are told first, then waited for, so that they end side by side.
end_processes() {
  local name deadline=$((SECONDS + 30))
  for name in "$@"; do
    end_supervisor "$name"
    ! is_running "$name" || { say "stopping $name" && kill -TERM "$(pid_of "$pids/$name")"; }
  done
  for name in "$@"; do
    finish "$name" $((deadline - SECONDS)) "$(pid_of "$pids/$name")" "$(program "$name")" "SAFEPOINT_CONFIG=$run/safepoint.toml"
  done
}

# A worker's supervisor goes first: it must not start again what is told to end. Without it the pid file stays as it is.
end_supervisor() {
  local file=$supervisors/$1
  ! alive "$file" "$(program "$1")" "SAFEPOINT_CONFIG=$run/safepoint.toml" || kill -TERM "$(pid_of "$file")" || true
  finish "the supervisor of $1" 5 "$(pid_of "$file")" "$(program "$1")" "SAFEPOINT_CONFIG=$run/safepoint.toml"
  rm -f "$file"
}

launch() {
  if is_running "$1"; then
    # A rebuilt binary has taken the place of the one that runs.
    [[ $(readlink "/proc/$(pid_of "$pids/$1")/exe") == *" (deleted)" ]] || return 0
    end_processes "$1"
  fi
  say "starting $1"
  [[ ! -e $logs/$1.log ]] || mv "$logs/$1.log" "$logs/$1.log.1"
  local settings=(
    SAFEPOINT_ADMIN_LISTEN="$(admin "$1")"
    SAFEPOINT_DATABASE_URL="$(database_url "$1")"
    SAFEPOINT_DEMO_CLUSTER_PASSWORD="$(value "$secrets" EXPORT_PASSWORD)"
    # The server's own pg_dump, before the wrapper of Debian that guesses a version.
    PATH="$(postgres_bin):$PATH"
  )
  [[ $1 != api-* ]] || settings+=(
    SAFEPOINT_LISTEN="$(listen "$1")"
    SAFEPOINT_PAGE_TOKEN_KEY="$(value "$secrets" SAFEPOINT_PAGE_TOKEN_KEY)"
  )
  [[ $1 == keeper-* ]] || settings+=(SAFEPOINT_SECRET_KEYS="demo=$(value "$secrets" SECRET_KEY)")
  # Not by the command env, on whose command line everybody could read the secrets.
  if [[ $1 == worker-* ]]; then
    end_supervisor "$1"
    rm -f "$pids/$1"
    (export "${settings[@]}" && unset SAFEPOINT_TOKEN SAFEPOINT_CUSTOMER_URL &&
      exec setsid "$root/dev/supervise.sh" "$pids/$1" "$(program "$1")" </dev/null >"$logs/$1.log" 2>&1) &
    echo $! >"$supervisors/$1"
    until [[ -s $pids/$1 ]]; do sleep 0.05; done
    return
  fi
  (export "${settings[@]}" && unset SAFEPOINT_TOKEN SAFEPOINT_CUSTOMER_URL &&
    exec setsid "$(program "$1")" </dev/null >"$logs/$1.log" 2>&1) &
  echo $! >"$pids/$1"
}

wait_ready() {
  local deadline=$((SECONDS + 60)) url
  url=http://$(admin "$1")/readyz
  until curl -fs -o "$run/readyz" --noproxy '*' --max-time 2 "$url"; do
    kill -0 "$(pid_of "$pids/$1")" 2>/dev/null || failed "$1" "$1 ended by itself"
    ((SECONDS < deadline)) || failed "$1" "$1 is not ready after 60 s ($url)"
    sleep 0.1
  done
}

# failed NAME MESSAGE
failed() {
  printf -- '---- the end of %s ----\n' "$logs/$1.log" >&2
  tail -n 20 "$logs/$1.log" >&2 || true
  die "$2; the whole log: $logs/$1.log"
}

main "$@"
