#!/usr/bin/env bash
# A private Postgres and RabbitMQ with all their data under DIR, on ports of their own:
#   services.sh start|stop DIR [postgres|rabbitmq]      services.sh remove DIR
#   services.sh crash DIR postgres|rabbitmq             services.sh wipe DIR rabbitmq
# `crash` ends one at once, `wipe` also forgets all its data: for the chaos runs.
# DIR/ports and DIR/secrets hold what was chosen, DIR/env the addresses. A DIR named `test` gets a Postgres that
# does not wait for the disk and addresses named TEST_*; any other gets our database and a customer's beside it.
set -euo pipefail
# shellcheck source=dev/lib.sh
source "$(dirname "$0")/lib.sh"

main() {
  (($# >= 2)) || die "usage: services.sh start|stop|remove|crash|wipe DIR [postgres|rabbitmq]"
  local verb=$1 only=${3:-}
  umask 022
  [[ $verb == start || -d $2 ]] || return 0
  mkdir -p "$2"
  dir=$(cd "$2" && pwd -P)
  ports=$dir/ports secrets=$dir/secrets
  # Tells this folder's processes from those of a copy of it, which has the same pid files.
  mark=safepoint-$(printf '%s' "$dir" | sha256sum | head -c 12)
  bin=$(postgres_bin) || die "Postgres is not installed: run dev/install.sh"
  postgres_home
  exec 9>"$dir/.lock"
  flock 9

  case $verb in
    start) start "$only" ;;
    stop) stop "$only" ;;
    crash) "${only:?which one}_crash" ;;
    wipe)
      rabbitmq_crash
      rm -rf "$dir/rabbitmq/data"
      ;;
    remove) stop "" && rm -rf "$(readlink -f "$dir/postgres")" "$dir" ;;
    *) die "unknown verb: $verb" ;;
  esac
}

start() {
  secret "$secrets" POSTGRES_PASSWORD 16
  secret "$secrets" SAFEPOINT_PASSWORD 16
  secret "$secrets" API_PASSWORD 16
  secret "$secrets" WORKER_PASSWORD 16
  secret "$secrets" KEEPER_PASSWORD 16
  secret "$secrets" EXPORT_PASSWORD 16
  secret "$secrets" SHOP_PASSWORD 16
  secret "$secrets" BROKER_PASSWORD 16
  secret "$secrets" BROKER_COOKIE 16
  ! is_test || certificates
  # RabbitMQ boots for seconds: Postgres starts meanwhile.
  [[ $1 == postgres ]] || rabbitmq_start
  [[ $1 == rabbitmq ]] || postgres_start
  [[ $1 == postgres ]] || rabbitmq_wait
  write_env
}

stop() {
  [[ $1 == postgres ]] || rabbitmq_stop
  [[ $1 == rabbitmq ]] || postgres_stop
}

write_env() (
  local pg broker
  pg=127.0.0.1:$(value "$ports" POSTGRES_PORT)
  broker=safepoint:$(value "$secrets" BROKER_PASSWORD)@127.0.0.1
  umask 077
  if is_test; then
    cat <<END
TEST_DATABASE_URL=postgres://postgres:$(value "$secrets" POSTGRES_PASSWORD)@$pg/postgres
TEST_BROKER_URL=amqp://$broker:$(value "$ports" BROKER_PORT)/%2f?heartbeat=10
TEST_BROKER_ADMIN_URL=http://$broker:$(value "$ports" BROKER_ADMIN_PORT)
TEST_BROKER_TLS_URL=amqps://${broker%127.0.0.1}localhost:$(value "$ports" BROKER_TLS_PORT)/%2f?heartbeat=10
TEST_AUTHORITIES=$dir/tls/ca.pem
END
  else
    cat <<END
SAFEPOINT_DATABASE_URL=postgres://safepoint:$(value "$secrets" SAFEPOINT_PASSWORD)@$pg/safepoint
SAFEPOINT_BROKER_URL=amqp://$broker:$(value "$ports" BROKER_PORT)/%2f?heartbeat=10
SAFEPOINT_CUSTOMER_URL=postgres://shop:$(value "$secrets" SHOP_PASSWORD)@$pg/shop
END
  fi >"$dir/env.new"
  mv "$dir/env.new" "$dir/env"
)

is_test() { [[ ${dir##*/} == test ]]; }

# ---- certificates ----

# An authority that the tests trust, and what it issued to both servers: for the name localhost, so that 127.0.0.1 is a
# wrong one. Both go on speaking without TLS, too. Made once, beside its place, so that half of it never stays.
certificates() {
  [[ ! -e $dir/tls ]] || return 0
  say "issuing certificates for the test servers"
  rm -rf "$dir/tls.new"
  mkdir "$dir/tls.new"
  (
    cd "$dir/tls.new"
    umask 077
    printf '[req]\ndistinguished_name = name\n[name]\n' >openssl.cnf
    local key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650)
    openssl req -x509 -config openssl.cnf "${key[@]}" -subj "/CN=safepoint tests" \
      -addext basicConstraints=critical,CA:TRUE -keyout ca.key -out ca.pem
    openssl req -x509 -config openssl.cnf "${key[@]}" -subj "/CN=safepoint test server" -CA ca.pem -CAkey ca.key \
      -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:localhost -keyout server.key -out server.pem
    # Nobody needs to issue a third.
    rm ca.key
    chmod 644 ca.pem server.pem
  ) >"$dir/openssl.log" 2>&1 || die "no certificates: see $dir/openssl.log"
  mv "$dir/tls.new" "$dir/tls"
}

# ---- Postgres ----

# Postgres refuses to run as root. As root it runs as the package's user, who may be unable to walk to a clone
# below /root: its data then lies under /var/tmp, with a link in DIR.
postgres_home() {
  home=$dir/postgres as=()
  if ((EUID != 0)); then
    mkdir -p "$home"
    chmod 700 "$home"
    return
  fi
  local user=postgres elsewhere=/var/tmp/$mark
  id -u postgres >/dev/null 2>&1 || user=nobody
  as=(runuser -u "$user" --)
  cd /
  if [[ -L $home && $(readlink "$home") != "$elsewhere" ]]; then
    warn "this clone was copied or moved: its Postgres starts anew"
    rm "$home"
  fi
  if [[ ! -e $home && ! -L $home ]] && ! "${as[@]}" test -x "$dir"; then
    say "$user cannot reach $dir: its data goes to $elsewhere"
    ln -s "$elsewhere" "$home"
  fi
  if [[ -L $home ]]; then
    mkdir -m 700 "$elsewhere" 2>/dev/null || [[ -d $elsewhere ]]
    [[ ! -L $elsewhere && $(stat -c %U "$elsewhere") =~ ^(root|$user)$ ]] || die "$elsewhere belongs to somebody else"
    home=$elsewhere
  fi
  mkdir -p "$home"
  chmod 700 "$home"
  chown "$user:" "$home"
}

postgres_start() {
  local data=$home/data port log=$home/log socket="''"
  [[ ! -e $data/PG_VERSION || $(cat "$data/PG_VERSION") == "$("$bin/initdb" --version | grep -oE '[0-9]+' | head -n 1)" ]] ||
    die "$data was made by another version of Postgres: run make clean-dev"
  [[ -e $data ]] || postgres_create
  if ! alive "$data/postmaster.pid" "$data"; then
    "${as[@]}" rm -f "$data/postmaster.pid"
    keep_port "$ports" POSTGRES_PORT
    port=$(value "$ports" POSTGRES_PORT)
    # The kernel takes 107 bytes. `..` is the folder above the data, where the server stands.
    if (($(printf '%s/.s.PGSQL.%s' "$home" "$port" | wc -c) <= 107)); then socket=".."; fi
    local options="-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$socket -c max_connections=400"
    if is_test; then
      options+=" -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
      # A key must be the server's own. Relative to the data.
      install -m 644 "$dir/tls/server.pem" "$home/server.pem"
      install -m 600 "$dir/tls/server.key" "$home/server.key"
      ((EUID != 0)) || chown --reference="$home" "$home/server.key"
      options+=" -c ssl=on -c ssl_cert_file=../server.pem -c ssl_key_file=../server.key"
    else
      options+=" -c shared_buffers=512MB -c max_wal_size=4GB"
    fi
    say "Postgres on port $port"
    "${as[@]}" "$bin/pg_ctl" start -s -w -t 120 -D "$data" -l "$log" -o "$options" </dev/null >/dev/null 2>&1 9>&- || {
      tail -n 20 "$log" >&2
      die "Postgres does not start: see $log"
    }
  fi
  is_test || postgres_databases
}

# Made beside its place and moved there, so that an interrupted initdb leaves nothing that looks like data.
postgres_create() {
  say "creating the Postgres data folder $home/data"
  rm -rf "$home/data.new"
  install -m 600 /dev/null "$home/password"
  value "$secrets" POSTGRES_PASSWORD >"$home/password"
  ((EUID != 0)) || chown --reference="$home" "$home/password"
  "${as[@]}" "$bin/initdb" -D "$home/data.new" -U postgres --auth=scram-sha-256 --pwfile="$home/password" \
    -E UTF8 --locale=C.UTF-8 --no-sync >"$dir/initdb.log" 2>&1 || {
    tail -n 20 "$dir/initdb.log" >&2
    die "initdb failed"
  }
  rm "$home/password"
  mv "$home/data.new" "$home/data"
}

# The roles and databases, each made when missing. `safepoint` owns our tables; what the roles of the processes may do in
# them is given by `safepoint-keeper migrate`. The exporter reads the shop's tables and can do nothing else.
postgres_databases() {
  PGPASSWORD=$(value "$secrets" POSTGRES_PASSWORD) "$bin/psql" -X -q -v ON_ERROR_STOP=1 \
    -h 127.0.0.1 -p "$(value "$ports" POSTGRES_PORT)" -U postgres postgres <<END
SET client_min_messages = warning;
SELECT format('CREATE ROLE %I', name) FROM unnest(ARRAY[
    'safepoint', 'safepoint_api', 'safepoint_worker', 'safepoint_keeper', 'shop', 'safepoint_export']) AS wanted (name)
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \\gexec
ALTER ROLE safepoint LOGIN CREATEDB PASSWORD '$(value "$secrets" SAFEPOINT_PASSWORD)';
ALTER ROLE safepoint_api LOGIN PASSWORD '$(value "$secrets" API_PASSWORD)';
ALTER ROLE safepoint_worker LOGIN PASSWORD '$(value "$secrets" WORKER_PASSWORD)';
ALTER ROLE safepoint_keeper LOGIN PASSWORD '$(value "$secrets" KEEPER_PASSWORD)';
ALTER ROLE shop LOGIN CREATEDB PASSWORD '$(value "$secrets" SHOP_PASSWORD)';
ALTER ROLE safepoint_export LOGIN PASSWORD '$(value "$secrets" EXPORT_PASSWORD)';
REVOKE pg_read_all_data FROM safepoint_export;
SELECT format('CREATE DATABASE %I OWNER %I', name, name) FROM unnest(ARRAY['safepoint', 'shop']) AS wanted (name)
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \\gexec
-- Both live on one server here: the customer's roles must not get at our operations.
REVOKE CONNECT ON DATABASE safepoint FROM PUBLIC;
-- Not pg_read_all_data, which reads the password hashes of all roles as well.
\\connect shop
GRANT SELECT ON ALL TABLES IN SCHEMA public TO safepoint_export;
GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO safepoint_export;
ALTER DEFAULT PRIVILEGES FOR ROLE shop GRANT SELECT ON TABLES TO safepoint_export;
ALTER DEFAULT PRIVILEGES FOR ROLE shop GRANT SELECT ON SEQUENCES TO safepoint_export;
END
}

postgres_stop() {
  local data=$home/data
  alive "$data/postmaster.pid" "$data" || return 0
  say "stopping Postgres"
  "${as[@]}" "$bin/pg_ctl" stop -s -m fast -w -t 60 -D "$data" || die "Postgres does not stop: see $home/log"
}

postgres_crash() {
  local data=$home/data
  alive "$data/postmaster.pid" "$data" || return 0
  "${as[@]}" "$bin/pg_ctl" stop -s -m immediate -w -t 60 -D "$data" || die "Postgres does not stop: see $home/log"
}

# ---- RabbitMQ ----

rabbitmq_start() {
  local rabbit=$dir/rabbitmq
  ! alive "$rabbit/pid" "$mark" || return 0
  local name port
  epmd_stop
  for name in BROKER_PORT BROKER_DIST_PORT BROKER_EPMD_PORT BROKER_ADMIN_PORT BROKER_TLS_PORT; do
    keep_port "$ports" "$name"
  done
  # The data belongs to the node's name, so the name is kept with the ports.
  [[ -n $(value "$ports" BROKER_NODE) ]] || put "$ports" BROKER_NODE "$mark@localhost"
  port=$(value "$ports" BROKER_PORT)
  say "RabbitMQ on port $port"
  mkdir -p "$rabbit/home"
  chmod 700 "$rabbit/home"
  rm -f "$rabbit/pid" "$rabbit/home/.erlang.cookie"
  (umask 077 && value "$secrets" BROKER_COOKIE >"$rabbit/home/.erlang.cookie")
  chmod 400 "$rabbit/home/.erlang.cookie"
  : >"$rabbit/rabbitmq-env.conf"
  # The management plugin lets a test make a virtual host in milliseconds; the command line takes seconds.
  if is_test; then echo '[rabbitmq_management].'; else echo '[].'; fi >"$rabbit/enabled_plugins"
  (umask 077 && cat >"$rabbit/rabbitmq.conf") <<END
listeners.tcp.1 = 127.0.0.1:$port
default_user = safepoint
default_pass = $(value "$secrets" BROKER_PASSWORD)
disk_free_limit.absolute = 50MB
log.file.level = info
END
  ! is_test || cat >>"$rabbit/rabbitmq.conf" <<END
management.tcp.ip = 127.0.0.1
management.tcp.port = $(value "$ports" BROKER_ADMIN_PORT)
listeners.ssl.1 = 127.0.0.1:$(value "$ports" BROKER_TLS_PORT)
ssl_options.cacertfile = $dir/tls/ca.pem
ssl_options.certfile = $dir/tls/server.pem
ssl_options.keyfile = $dir/tls/server.key
ssl_options.verify = verify_none
END
  # Not /usr/sbin/rabbitmq-server, which insists on the user rabbitmq; nothing of /etc/rabbitmq or of the caller.
  rabbitmq_env setsid /usr/lib/rabbitmq/bin/rabbitmq-server </dev/null >"$rabbit/console.log" 2>&1 9>&- &
}

# Becomes the command, so that no shell of ours stays behind it.
rabbitmq_env() {
  local rabbit=$dir/rabbitmq
  exec env -i PATH="$PATH" LANG=C.UTF-8 HOME="$rabbit/home" \
    ERL_EPMD_PORT="$(value "$ports" BROKER_EPMD_PORT)" ERL_EPMD_ADDRESS=127.0.0.1 \
    RABBITMQ_NODENAME="$(value "$ports" BROKER_NODE)" RABBITMQ_DIST_PORT="$(value "$ports" BROKER_DIST_PORT)" \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} -$mark true" \
    RABBITMQ_CONF_ENV_FILE="$rabbit/rabbitmq-env.conf" RABBITMQ_CONFIG_FILE="$rabbit/rabbitmq.conf" \
    RABBITMQ_CONFIG_FILES="$rabbit/conf.d" RABBITMQ_ADVANCED_CONFIG_FILE="$rabbit/advanced.config" \
    RABBITMQ_GENERATED_CONFIG_DIR="$rabbit/generated" RABBITMQ_ENABLED_PLUGINS_FILE="$rabbit/enabled_plugins" \
    RABBITMQ_PLUGINS_EXPAND_DIR="$rabbit/plugins" RABBITMQ_FEATURE_FLAGS_FILE="$rabbit/feature_flags" \
    RABBITMQ_MNESIA_BASE="$rabbit" RABBITMQ_MNESIA_DIR="$rabbit/data" RABBITMQ_QUORUM_DIR="$rabbit/data/quorum" \
    RABBITMQ_STREAM_DIR="$rabbit/data/stream" RABBITMQ_LOG_BASE="$rabbit/log" RABBITMQ_LOGS="$rabbit/log/rabbit.log" \
    RABBITMQ_PID_FILE="$rabbit/pid" ERL_CRASH_DUMP="$rabbit/erl_crash.dump" "$@"
}

# The node opens its ports last, so an answer on them is readiness, a second quicker than an Erlang command.
rabbitmq_wait() {
  local rabbit=$dir/rabbitmq port deadline=$((SECONDS + 120))
  port=$(value "$ports" BROKER_PORT)
  until alive "$rabbit/pid" "$mark" && speaks_amqp "$port" &&
    { ! is_test || { taken "$(value "$ports" BROKER_ADMIN_PORT)" && taken "$(value "$ports" BROKER_TLS_PORT)"; }; }; do
    # The launcher is this script's child: its end is the end of a start that failed.
    if ((SECONDS >= deadline)) || { [[ -n $(jobs -p) && -z $(jobs -pr) ]]; }; then
      tail -n 20 "$rabbit/console.log" >&2
      die "RabbitMQ does not start: see $rabbit/console.log and $rabbit/log/rabbit.log"
    fi
    sleep 0.1
  done
}

# A broker that accepts our protocol header answers with a frame of type 1.
speaks_amqp() (
  { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || exit 1
  printf 'AMQP\0\0\011\001' >&3
  [[ $(timeout 2 head -c 1 <&3 | od -An -tx1) == " 01" ]]
)

rabbitmq_stop() {
  local rabbit=$dir/rabbitmq pid
  if alive "$rabbit/pid" "$mark"; then
    say "stopping RabbitMQ"
    pid=$(pid_of "$rabbit/pid")
    kill -TERM "$pid"
    finish RabbitMQ 60 "$pid" "$mark"
  fi
  epmd_stop
}

rabbitmq_crash() {
  local rabbit=$dir/rabbitmq pid
  if alive "$rabbit/pid" "$mark"; then
    pid=$(pid_of "$rabbit/pid")
    kill -KILL "$pid"
    finish RabbitMQ 10 "$pid" "$mark"
  fi
  epmd_stop
}

# The name service that a node starts on our port outlives it, even a crash. It refuses to end while it knows a
# living node, so a copied clone cannot end that of its original.
epmd_stop() {
  local port
  port=$(value "$ports" BROKER_EPMD_PORT)
  if [[ -n $port ]] && taken "$port"; then
    if epmd -port "$port" -kill >/dev/null 2>&1; then sleep 0.2; fi
  fi
}

main "$@"
