#!/usr/bin/env bash
# A server for the tests that speaks MongoDB's protocol and keeps what it acknowledged: FerretDB over PostgreSQL with
# the DocumentDB extension. It is for machines without mongod that can install Debian packages and Go modules;
# docs/testing.md says when it is used.
#
#   server.sh install                    installs it, unless it is installed
#   server.sh check                      exit status 0 if it can be started on this machine
#   server.sh start [--directory D]      prints the URI when the server answers; a directory keeps its data and its URI
#   server.sh stop  [--directory D]      stops it cleanly
#   server.sh kill  [--directory D]      sends SIGKILL to all its processes at once
#
# Without a directory there is one server, in a temporary directory that `stop` removes. With HEXMQ_SERVER_OWNER, a
# process id, a server that `start` starts is killed when that process has ended.
set -Eeuo pipefail

readonly FERRETDB=2.7.0
readonly POSTGRESQL=18
# Only PostgreSQL's packages for Debian's unstable suite have the extension, so they live in a root of their own.
readonly SUITE=sid
# Raise it when what is installed changes, and not only its version.
readonly RECIPE=1

readonly here=$(cd "$(dirname "$0")" && pwd)
readonly cache=${HEXMQ_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hexmq-test}
readonly installation=$cache/ferretdb-$FERRETDB-postgresql-$POSTGRESQL-$RECIPE
readonly root=$installation/root
readonly template=$installation/template
readonly build=$installation/build
readonly complete=$installation/complete
# Where the server without a directory of its own is.
readonly current=$cache/directory

say() { echo "server.sh: $*" >&2; }
fail() {
  say "$@"
  exit 1
}

# A command that fails ends the script, which then says which one it was.
trap 'say "failed in line $LINENO: $BASH_COMMAND"' ERR

need() { command -v "$1" >/dev/null || fail "$1 is missing (Debian: $2)"; }

check_rights() {
  [ "$(id -u)" = 0 ] || fail 'needs root, for a root directory and mounts of its own'
  need unshare util-linux
  need flock util-linux
  need node nodejs
  unshare --mount --pid --ipc --fork true 2>/dev/null ||
    fail 'needs the right to mount (CAP_SYS_ADMIN), which is not given here'
}

# Further namespaces of a command in the root, and a file for the pid that its first process has outside of them.
separate=()
first_process=''

# Runs a command in the root, with mounts that only it sees and that end with it: a killed run leaves none behind, and
# removing the root removes nothing of the machine. $1: the directory that is mounted at /srv.
in_root() {
  local srv=$1
  shift
  unshare --mount --ipc "${separate[@]}" sh -euc '
    root=$1 srv=$2 first_process=$3
    shift 3
    if [ -n "$first_process" ]; then
      read -r pid _ </proc/self/stat
      echo "$pid" >"$first_process"
    fi
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/dev/shm"
    mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
    mount --bind "$srv" "$root/srv"
    exec chroot "$root" "$@"
  ' sh "$root" "$srv" "$first_process" env -i \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive ${http_proxy+http_proxy="$http_proxy"} ${https_proxy+https_proxy="$https_proxy"} \
    ${GOPROXY+GOPROXY="$GOPROXY"} ${GOSUMDB+GOSUMDB="$GOSUMDB"} "$@"
}

as_postgres() {
  in_root "$1" chroot --userspec=postgres:postgres / "${@:2}"
}

# The Debian mirror that apt is configured with.
debian_mirror() {
  apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' | sed -n 's/^Debian //p' | head -n 1
}

make_root() {
  local mirror proxy=''
  if ! command -v debootstrap >/dev/null || [ -z "$(debian_mirror)" ]; then
    command -v apt-get >/dev/null || fail 'needs Debian: debootstrap and a mirror that apt knows'
    "$here/../apt.sh" update -qq || fail 'the lists of packages are needed to install debootstrap'
    "$here/../apt.sh" install -y -qq --no-install-recommends debootstrap || fail 'debootstrap is needed'
  fi
  mirror=$(debian_mirror)
  [ -n "$mirror" ] || fail 'apt is configured with no mirror of Debian'
  # debootstrap does not read apt's configuration.
  eval "$(apt-config shell proxy Acquire::http::Proxy)"
  [ -z "$proxy" ] || export http_proxy=$proxy

  unshare --mount debootstrap --variant=minbase --include=ca-certificates "$SUITE" "$root" "$mirror"
  # No service is started and no database made by installing.
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod +x "$root/usr/sbin/policy-rc.d"
  mkdir -p "$root/etc/postgresql-common"
  echo 'create_main_cluster = false' >"$root/etc/postgresql-common/createcluster.conf"
  # With the lists that debootstrap fetched a moment ago.
  in_root "$build" apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold \
    "postgresql-$POSTGRESQL" "postgresql-$POSTGRESQL-documentdb"
}

# Linked statically, so that it does not matter where it was built.
readonly package=github.com/FerretDB/FerretDB/v2/cmd/ferretdb
readonly go_install=(env CGO_ENABLED=0 GOFLAGS=-modcacherw go install "$package@v$FERRETDB")

make_ferretdb() {
  GOPATH=$build GOBIN=$build GOCACHE=$build/cache "${go_install[@]}"
}

make_ferretdb_in_root() {
  say 'no Go here that can build FerretDB: trying with that of the root'
  in_root "$build" apt-get install -y -qq --no-install-recommends golang-go
  in_root "$build" env GOPATH=/srv GOBIN=/srv GOCACHE=/srv/cache "${go_install[@]}"
}

# A database as `start` copies it: made once, with the extension.
make_template() {
  local bin=/usr/lib/postgresql/$POSTGRESQL/bin
  mkdir "$template"
  chown --reference="$root/var/lib/postgresql" "$template"
  as_postgres "$template" "$bin/initdb" -D /srv --auth=trust --locale=C.UTF-8
  # The extension and pg_cron connect to the server that they run in. Only the root's own processes reach the socket.
  cat >>"$template/postgresql.conf" <<END
shared_preload_libraries = 'pg_cron,pg_documentdb_core,pg_documentdb'
cron.database_name = 'postgres'
cron.host = '/tmp'
documentdb.localhost_connection_string = 'host=/tmp'
listen_addresses = ''
unix_socket_directories = '/tmp'
END
  as_postgres "$template" sh -euc '
    "$1/pg_ctl" -D /srv -w -l /srv/template.log start
    "$1/psql" --host=/tmp -d postgres -v ON_ERROR_STOP=1 -c "CREATE EXTENSION documentdb CASCADE"
    "$1/pg_ctl" -D /srv -w stop
  ' sh "$bin"
}

# The process that builds FerretDB meanwhile. Not local: the trap that ends it runs outside of every function.
building=''

install() {
  [ ! -e "$complete" ] || return 0
  check_rights
  mkdir -p "$cache"
  exec 9>"$cache/install.lock"
  flock 9
  # Another process may have installed it while this one waited for the lock.
  [ ! -e "$complete" ] || return 0

  say "installing FerretDB $FERRETDB over PostgreSQL $POSTGRESQL in $installation: some minutes, 1 GB"
  rm -rf "$installation"
  mkdir -p "$build"
  # Its failure is no failure: the root has a Go too.
  (trap - ERR && make_ferretdb) &
  building=$!
  trap 'kill "$building" 2>/dev/null || true' EXIT
  make_root
  wait "$building" || make_ferretdb_in_root
  trap - EXIT
  cp "$build/ferretdb" "$root/usr/local/bin/"
  make_template
  rm -rf "$build" "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
  touch "$complete"
} >&2

# Every process of a server holds the lock: if it is free, none of them runs.
is_running() { ! flock --nonblock "$1/lock" true; }

# Below the range from which the system gives ports to outgoing connections: one of those could hold the port when the
# server is started again.
free_port() {
  node -e '
    const attempt = () => {
      const port = 20000 + Math.floor(Math.random() * 12000);
      const server = require("node:net").createServer();
      server.once("error", attempt).listen(port, "127.0.0.1", () => server.close(() => console.log(port)));
    };
    attempt();
  '
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

start() {
  local directory=$1 port server=''
  [ -e "$complete" ] || fail 'is not installed: run "server.sh install"'
  check_rights
  if ! is_running "$directory"; then
    # A copy that was cut off is no database.
    if [ ! -d "$directory/data" ]; then
      rm -rf "$directory/copy"
      cp -a "$template" "$directory/copy"
      mv "$directory/copy" "$directory/data"
    fi
    [ -s "$directory/port" ] || free_port >"$directory/port"
    ! answers "$(cat "$directory/port")" || fail "port $(cat "$directory/port"), which is that of $directory, is taken"
    setsid "$0" serve --directory "$directory" </dev/null >>"$directory/log" 2>&1 &
    server=$!
  fi
  port=$(cat "$directory/port")
  until answers "$port"; do
    sleep 0.1
    if [ -n "$server" ]; then kill -0 "$server" 2>/dev/null; else is_running "$directory"; fi || {
      tail -n 20 "$directory/log" >&2
      fail "the server ended; $directory/log has all that it said"
    }
  done
  echo "mongodb://127.0.0.1:$port/"
}

# In a process namespace of its own: when its first process is killed, the kernel kills all others at once.
# Kills the server when its owner has ended, which may have been killed itself.
watch_owner() {
  local directory=$1 owner=$2
  while kill -0 "$owner" 2>/dev/null; do
    is_running "$directory" || return 0
    sleep 1
  done
  end "$directory" KILL
}

serve() {
  local directory=$1
  exec 8>"$directory/lock"
  flock --nonblock 8 || fail "$directory is being served"
  # Without the lock, which would otherwise outlive the server.
  if [ -n "${HEXMQ_SERVER_OWNER:-}" ]; then watch_owner "$directory" "$HEXMQ_SERVER_OWNER" 8>&- & fi
  local separate=(--pid --fork) first_process=$directory/pid
  as_postgres "$directory/data" bash -c "$(cat "$here/serve.sh")" serve "$(cat "$directory/port")"
}

# $2: the signal.
end() {
  local directory=$1
  is_running "$directory" || return 0
  kill -s "$2" "$(cat "$directory/pid")"
  flock --timeout 60 "$directory/lock" true || fail "the server of $directory does not end"
}

readonly command=${1:-}
directory=''
if [ "${2:-}" = --directory ]; then
  directory=${3:?--directory needs one}
  mkdir -p "$directory"
  directory=$(cd "$directory" && pwd)
elif [ $# -gt 1 ]; then
  fail "$2 is not known: only --directory is"
fi
is_temporary=''
if [ -z "$directory" ]; then
  is_temporary=yes
  directory=$(cat "$current" 2>/dev/null || true)
  if [ ! -d "$directory" ] && [ "$command" = start ]; then
    directory=$(mktemp -d "${TMPDIR:-/tmp}/hexmq-mongodb-XXXXXX")
    echo "$directory" >"$current"
  fi
fi

case $command in
  install) install ;;
  check) [ -e "$complete" ] && check_rights ;;
  start) start "$directory" ;;
  serve) serve "$directory" ;;
  stop)
    [ -d "$directory" ] || exit 0
    end "$directory" TERM
    if [ -n "$is_temporary" ]; then rm -rf "$directory" "$current"; fi
    ;;
  kill)
    [ -d "$directory" ] || exit 0
    end "$directory" KILL
    ;;
  *) fail 'install, check, start, stop or kill?' ;;
esac
