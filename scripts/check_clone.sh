#!/usr/bin/env bash
# The fast tests in a clone alone in the world: `git clone` of what is committed into a folder with
# a space in its name, whose parent is read-only, without reference data, npm, a git identity or
# anything in HOME. Usage: scripts/check_clone.sh [TARGET VARIABLE=value ...] (default: test)
#
# PYTHON names a built environment; without it the clone builds its own, from an empty cache.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
place=$(mktemp -d)
trap 'chmod -R u+w "$place"; rm -rf "$place"' EXIT
mkdir "$place/world" "$place/home" "$place/bin"
clone="$place/world/a clone alone"
git clone --quiet "$root" "$clone"

# Every command that is here, but those of Node.js.
IFS=: read -ra folders <<<"$PATH"
for folder in "${folders[@]}"; do
  for command in "$folder"/*; do
    case "${command##*/}" in
      npm | npx | node | nodejs | corepack) ;;
      *) [ -x "$command" ] && [ ! -e "$place/bin/${command##*/}" ] && ln -s "$command" "$place/bin/" || true ;;
    esac
  done
done

# What the caller has set must not reach it; settings of the processor's libraries stay.
for name in $(compgen -e); do
  case "$name" in
    EKG_* | GIT_* | XDG_* | PYTHONPATH | MAKEFLAGS | MAKELEVEL | MFLAGS | PIP_CACHE_DIR | UV_CACHE_DIR) unset "$name" ;;
  esac
done
export HOME="$place/home" PATH="$place/bin" GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
chmod a-w "$place/world"

[ $# -gt 0 ] || set -- test
make -C "$clone" "$@" ${PYTHON:+PYTHON="$PYTHON"}

# Root may write where nobody may: so it is also looked at.
left=$(ls -A "$place/world")
[ "$left" = "a clone alone" ] || { echo "error: written beside the clone: $left" >&2; exit 1; }
changed=$(git -C "$clone" status --porcelain)
[ -z "$changed" ] || { echo "error: the tests changed the clone: $changed" >&2; exit 1; }
