#!/usr/bin/env bash
# Installs the clients of MQTT 5 that no Debian package brings, for test/e2e/clients-5.test.ts: from PyPI, Maven Central
# and the Go module proxy, at the versions of requirements.txt, pom.xml and go.mod. Needs pip, a JDK with Maven, and Go.
# What is installed already at these versions is left alone. Arguments: which of python, java and go; by default, all.
set -euo pipefail
cd "$(dirname "$0")"

readonly cache=${HEXMQ_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hexmq-test}/clients-5
# A toolchain for go.mod, from the same proxy, where Debian's Go is too old to fetch one by itself.
readonly TOOLCHAIN=v0.0.1-go1.24.9

install_python() {
  local python=python3
  python3 -m pip --version >/dev/null 2>&1 || python=/usr/bin/python3
  "$python" -m pip install --quiet --root-user-action ignore --no-deps --target "$1" -r python/requirements.txt
}

install_java() {
  mvn --quiet --batch-mode -Dstyle.color=never --file java/pom.xml dependency:copy-dependencies -DoutputDirectory="$1"
}

# Compiles once, so that the test compiles from Go's cache.
install_go() {
  local go
  go=$(PATH=$PATH:/usr/local/go/bin; type -P go)
  if ! "$go" version | grep -qE 'go(1\.(2[1-9]|[3-9][0-9])|[2-9])'; then
    local module=golang.org/toolchain@$TOOLCHAIN.linux-$("$go" env GOARCH) directory
    directory=$("$go" mod download -json "$module" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
    # An old Go extracts it as sources of a module, which are no programs.
    chmod +x "$directory"/bin/* "$directory"/pkg/tool/*/*
    go=$directory/bin/go
  fi
  (cd go && "$go" build -o "$1/scenarios" .)
  ln -s "$go" "$1/command"
}

# One of the functions above, into a directory that appears when it is complete.
install() {
  local name=$1 manifest=$2
  cmp -s "$manifest" "$cache/$name/$(basename "$manifest")" && return
  rm -rf "${cache:?}/$name" "${cache:?}/$name.new"
  mkdir -p "$cache/$name.new"
  "install_$name" "$cache/$name.new"
  cp "$manifest" "$cache/$name.new/"
  mv "$cache/$name.new" "$cache/$name"
}

[ $# -gt 0 ] || set -- python java go
for name in "$@"; do
  case $name in
    python) install python python/requirements.txt ;;
    java) install java java/pom.xml ;;
    go) install go go/go.sum ;;
    *) echo "install.sh: expected python, java or go: $name" >&2 && exit 2 ;;
  esac
done
