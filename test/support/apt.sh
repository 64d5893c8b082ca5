#!/usr/bin/env bash
# apt-get with the given arguments, which waits while another program holds apt's locks. apt itself waits for one of
# them at most (DPkg::Lock::Timeout), and not in every version.
set -euo pipefail

readonly PATIENCE_S=900
readonly PAUSE_S=5

say() { echo "apt.sh: $*" >&2; }

waited=0
# The words that the lock is recognised by are English.
until said=$(LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get "$@" 2>&1); do
  if ! grep -qE 'Could not get lock|Unable to (acquire|lock)' <<<"$said"; then
    printf '%s\n' "$said" >&2
    say "failed: apt-get $*"
    exit 1
  fi
  if [ "$waited" -ge "$PATIENCE_S" ]; then
    printf '%s\n' "$said" >&2
    say "failed: another program has held the lock of apt for $((PATIENCE_S / 60)) minutes: apt-get $*"
    exit 1
  fi
  [ "$waited" -gt 0 ] || say "another program holds the lock of apt: waiting for it, $((PATIENCE_S / 60)) minutes at most"
  sleep "$PAUSE_S"
  waited=$((waited + PAUSE_S))
done
