#!/usr/bin/env bash
# Prove the container: build it from an empty cache, build it again after a change of the code
# alone, then run the tests and the whole pipeline inside, with a read-only root, without network and
# as a user who has no account.
#
# Usage: scripts/check_container.sh [--base IMAGE | --base-tar FILE] [--suite NAME] [--keep]
#
#   --base IMAGE      build on this image instead of making a base here
#   --base-tar FILE   build on this root file system; where FILE is missing, it is made and kept
#   --suite NAME      the release that debootstrap makes (default: this machine's own)
#   --keep            leave the images and the working folder where they are
#
# Without --base no registry is needed: debootstrap makes the base from the mirror of this
# machine's apt (root and Debian or Ubuntu are needed for that), with this machine's certificates
# in it. An index or a proxy set in the environment (PIP_INDEX_URL, HTTPS_PROXY, ...) is used.
# The last output is kept in docs/container_check.txt. Takes about 15 minutes and 25 GB of disk.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
REPORT=$ROOT/docs/container_check.txt
STRANGER=12345:23456 # a user and a group without an entry in the image
SECOND_BUILD_LIMIT=60

BASE_IMAGE='' BASE_TAR='' SUITE='' KEEP=''
while (($#)); do
  case $1 in
    --base) BASE_IMAGE=${2:?--base needs an image} && shift ;;
    --base-tar) BASE_TAR=${2:?--base-tar needs a file} && shift ;;
    --suite) SUITE=${2:?--suite needs a name} && shift ;;
    --keep) KEEP=1 ;;
    -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" && exit ;;
    *) echo "error: unknown argument $1; see $0 --help" >&2 && exit 2 ;;
  esac
  shift
done

DOCKER=${DOCKER:-docker}
export EKG_SHARED=${EKG_SHARED:-$ROOT/../shared} # reference data for the tests, where there is any
IMAGE=ekg-check
WORK=$(mktemp -d "${TMPDIR:-/tmp}/ekg-container.XXXXXX")
CLONE=$WORK/clone

finish() {
  local status=$?
  if [[ -n $KEEP ]]; then
    echo "left: image $IMAGE, folder $WORK"
  else
    "$DOCKER" image rm --force "$IMAGE" ekg-check-base >/dev/null 2>&1 || true
    rm -rf "$WORK"
  fi
  return $status
}
trap finish EXIT

# --- telling what was done --------------------------------------------------------------------
say() { printf '%s\n' "$*" | tee -a "$WORK/report"; }

fail() {
  say "FAILED: $*"
  exit 1
}

# step WORDS -- COMMAND...: run it, its output into a log, and say how long it took.
step() {
  local words=$1 log status=0
  shift 2
  log=$WORK/log-$((++STEPS))
  SECONDS=0
  "$@" >"$log" 2>&1 || status=$?
  LAST_LOG=$log LAST_SECONDS=$SECONDS
  if ((status)); then
    tail -n 60 "$log" >&2
    fail "$words (status $status after $LAST_SECONDS s; the end of its output stands above)"
  fi
  say "$(printf '%5d s  %s' "$LAST_SECONDS" "$words")"
}
STEPS=0

require() { # WORDS -- COMMAND...: a fact that must hold
  local words=$1
  shift 2
  "$@" >"$WORK/fact" 2>&1 || { tail -n 20 "$WORK/fact" >&2 && fail "$words"; }
  say "     ok  $words"
}

refuse() { # WORDS -- COMMAND...: something that must not work
  local words=$1
  shift 2
  ! "$@" >"$WORK/fact" 2>&1 || fail "$words"
  say "     ok  $words"
}

detail() { sed 's/^/         | /' | tee -a "$WORK/report"; }

# --- the base image ---------------------------------------------------------------------------
make_base() {
  local mirror tree=$WORK/base
  # shellcheck disable=SC1091
  SUITE=${SUITE:-$(. /etc/os-release && echo "$VERSION_CODENAME")}
  mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} 2>/dev/null |
    sed -nE 's/^(deb( +\[[^]]*\])?|URIs:) +(https?:[^ ]+).*/\3/p' | grep -v -i security | head -n 1)
  debootstrap --variant=minbase --include=ca-certificates "$SUITE" "$tree" "$mirror"
  add_certificates "$tree"
  rm -rf "$tree"/var/cache/apt/archives/*.deb "$tree"/var/lib/apt/lists/*
  tar --one-file-system --numeric-owner -C "$tree" -cf "$BASE_TAR.part" .
  mv "$BASE_TAR.part" "$BASE_TAR"
  rm -rf "$tree"
}

# One file a certificate, where update-ca-certificates takes them from: they survive an update.
add_certificates() {
  local folder=$1/usr/local/share/ca-certificates
  mkdir -p "$folder"
  awk -v folder="$folder" '
    /-----BEGIN CERTIFICATE-----/ { file = sprintf("%s/host-%04d.crt", folder, ++n) }
    file { print > file }
    /-----END CERTIFICATE-----/ { close(file); file = "" }' /etc/ssl/certs/ca-certificates.crt
  chroot "$1" update-ca-certificates
}

import_base() {
  "$DOCKER" import --change 'CMD ["bash"]' "$BASE_TAR" ekg-check-base
  BASE_IMAGE=ekg-check-base
}

# --- building and running ---------------------------------------------------------------------
# As a user does it: by make, in a clean clone.
in_clone() { make --no-print-directory -C "$CLONE" DOCKER="$DOCKER" IMAGE="$IMAGE" "$@"; }

build() { in_clone docker-build BASE_IMAGE="$BASE_IMAGE" BUILD_FLAGS="--network host $*"; }

inside() { "$DOCKER" run --rm --network none --user "$STRANGER" "$IMAGE" "$@"; }

layers() { "$DOCKER" image inspect --format '{{join .RootFS.Layers "\n"}}' "$IMAGE"; }

size() { "$DOCKER" image inspect --format '{{.Size}}' "$1" | awk '{printf "%.1f GB", $1 / 1e9}'; }

label() { "$DOCKER" image inspect --format "{{index .Config.Labels \"org.opencontainers.image.$1\"}}" "$IMAGE"; }

as_stranger() { # TARGET [VARIABLE=value...]: make it in the container, on the mounted folders
  local target=$1
  shift
  in_clone "$target" DOCKER_USER="$STRANGER" DOCKER_FLAGS="--network none" "$@"
}

change_code() {
  printf '\n# A comment, to see which layers are built again.\n' >>"$CLONE/ekg/__init__.py"
  git -C "$CLONE" -c user.name=check -c user.email=check@localhost commit -q -a -m "Change the code alone"
}

# What is in the image's project folder, but for what the build made.
project_files() {
  inside find . -type f -not -path '*/__pycache__/*' -printf '%P\n' | LC_ALL=C sort
}

tracked_files() { git -C "$CLONE" ls-files | LC_ALL=C sort; }

# --- the check --------------------------------------------------------------------------------
for tool in "$DOCKER" git make; do
  command -v "$tool" >/dev/null || { echo "error: no $tool here; install it first" >&2 && exit 2; }
done
"$DOCKER" info >/dev/null 2>&1 ||
  { echo "error: docker's daemon does not answer; start it (systemctl start docker)" >&2 && exit 2; }
if [[ -z $BASE_IMAGE && ! -f $BASE_TAR ]]; then
  command -v debootstrap >/dev/null ||
    { echo "error: no debootstrap here; install it, or name an image by --base" >&2 && exit 2; }
fi

git clone -q "$ROOT" "$CLONE"
say "Container check of commit $(git -C "$CLONE" rev-parse HEAD), $(date -u +%Y-%m-%d)"
say "by scripts/check_container.sh; $(nproc) CPU cores, $("$DOCKER" version --format 'Docker {{.Server.Version}}')"
say ""

if [[ -z $BASE_IMAGE ]]; then
  BASE_TAR=${BASE_TAR:-$WORK/base.tar}
  [[ -f $BASE_TAR ]] || step "base: debootstrap, with this machine's certificates" -- make_base
  step "base: docker import" -- import_base
fi
"$DOCKER" run --rm "$BASE_IMAGE" sed -n 's/^PRETTY_NAME="\(.*\)"/base: \1/p' /etc/os-release | detail

step "build from an empty cache (--no-cache)" -- build --no-cache
inside sh -c 'python --version; make --version | head -n 1' | detail
echo "image: $(size "$IMAGE"), of which the base $(size "$BASE_IMAGE")" | detail
layers >"$WORK/layers-1"

change_code
step "second build, after a change in ekg/ alone" -- build
layers >"$WORK/layers-2"
((LAST_SECONDS <= SECOND_BUILD_LIMIT)) || fail "the second build took more than $SECOND_BUILD_LIMIT s"
kept=$(comm -12 <(sort "$WORK/layers-1") <(sort "$WORK/layers-2") | wc -l)
total=$(grep -c . "$WORK/layers-2")
# Dependencies are layer "COPY requirements.txt" and "RUN pip"; the code is the last two.
require "dependency layer cached: $kept of $total layers kept, all but the code's two" -- test "$kept" -eq $((total - 2))
say ""

require "labels: version $(label version), licence $(label licenses), revision of the clone" -- \
  test "$(label revision)" = "$(git -C "$CLONE" rev-parse HEAD)"
refuse "no compiler in the image" -- inside sh -c 'command -v gcc || command -v cc || command -v c++'
require "unprivileged user by default" -- sh -c "test \"\$($DOCKER run --rm $IMAGE id -u)\" -ge 1000"
refuse "the code cannot be written" -- inside touch /workspace/ekg/x
project_files >"$WORK/in-image"
tracked_files >"$WORK/in-git"
require "the project in the image is the clone, file by file ($(wc -l <"$WORK/in-git") files)" -- \
  diff "$WORK/in-git" "$WORK/in-image"
say ""

mkdir -p "$CLONE"/{data,runs,paper/output}
chown -R "$STRANGER" "$CLONE"/{data,runs,paper/output,best_model_for_paper}
say "inside, by uid:gid $STRANGER, --read-only, --network none:"
step "make test" -- as_stranger docker-test
grep -E '[0-9]+ passed' "$LAST_LOG" | tail -n 1 | detail

# Small enough for minutes on two cores; every stage of the pipeline runs all the same.
cat >"$CLONE/data/toy.toml" <<'TOML'
[data]
image_size = 200
[training]
epochs = 2
TOML
chown "$STRANGER" "$CLONE/data/toy.toml"
toy="SIMULATED=140 SIZE=200 EXPERIMENT=data/toy.toml RUN=toy"
step "make reproduce $toy" -- as_stranger docker-run TARGET="reproduce $toy"
sed -n '/^Data: /,$p' "$LAST_LOG" | detail # the summary at the end
touch "$WORK/marker"
step "the same command again" -- as_stranger docker-run TARGET="reproduce $toy"
find "$CLONE"/{data,runs} -newer "$WORK/marker" \( -name manifest.csv -o -name '*.safetensors' -o -name '*.png' \) >"$WORK/anew"
require "nothing was drawn or trained anew" -- test ! -s "$WORK/anew"
for made in data/synthetic/im_res_200/manifest.csv runs/toy/{train_results.csv,weights.safetensors,metrics.json,comparison.json} \
  paper/output/toy/report.html; do
  require "made: $made" -- test -s "$CLONE/$made"
done
git -C "$CLONE" status --porcelain >"$WORK/changed"
require "nothing else changed in the folder" -- test ! -s "$WORK/changed"
find "$CLONE"/{data,runs,paper/output} ! \( -uid "${STRANGER%:*}" -gid "${STRANGER#*:}" \) >"$WORK/foreign"
require "all files made belong to $STRANGER ($(find "$CLONE"/{data,runs,paper/output} -type f | wc -l) files)" -- \
  test ! -s "$WORK/foreign"

say ""
say "All checks passed."
sed "s#$WORK#WORK#g" "$WORK/report" >"$REPORT"
