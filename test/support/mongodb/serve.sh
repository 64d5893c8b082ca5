# What runs inside the root, as its user postgres and as the first process of a process namespace: PostgreSQL on the
# data in /srv, and FerretDB in front of it on a port of the loopback interface. Both end when either does, and with this
# process.
# serve PORT
set -euo pipefail

port=$1
bin=/usr/lib/postgresql/18/bin

# The directory's lock is held for this server alone, so a pid file can only be left over from a killed one; in this
# namespace its number could be that of another process.
rm -f /srv/postmaster.pid

"$bin/postgres" -D /srv &
postgres=$!
until "$bin/pg_isready" --quiet --host=/tmp; do
  kill -0 "$postgres"
  sleep 0.1
done

ferretdb --listen-addr="127.0.0.1:$port" --postgresql-url='postgres://postgres@/postgres?host=/tmp' \
  --no-auth --telemetry=disable --debug-addr=- \
  --state-dir=/tmp --log-level=WARN &
ferretdb=$!

# No new work first; then the checkpoint that makes the next start a short one.
finish() {
  trap - TERM
  kill -TERM "$ferretdb" 2>/dev/null && wait "$ferretdb" || true
  kill -INT "$postgres" 2>/dev/null && wait "$postgres" || true
}
trap 'finish; exit 0' TERM
wait -n
finish
exit 1
