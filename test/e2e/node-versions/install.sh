#!/usr/bin/env bash
# Installs the versions of Node of versions.txt, for test/e2e/package.test.ts: the oldest that hexmq runs on, and the
# later ones with long support. They come from npm's registry, which has Node as packages for each platform. What is
# installed already is left alone.
set -euo pipefail
cd "$(dirname "$0")"

readonly cache=${HEXMQ_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hexmq-test}/node-versions
platform=$(node -p 'process.platform + "-" + process.arch')

while read -r version; do
  [ -x "$cache/$version/bin/node" ] && continue
  mkdir -p "$cache"
  scratch=$(mktemp -d "$cache/.XXXXXX")
  trap 'rm -rf "$scratch"' EXIT
  npm pack --silent --pack-destination "$scratch" "node-$platform@$version" >/dev/null
  tar -xzf "$scratch"/*.tgz -C "$scratch" package/bin/node
  rm -rf "${cache:?}/$version"
  mv "$scratch/package" "$cache/$version"
  rm -rf "$scratch"
done <versions.txt
