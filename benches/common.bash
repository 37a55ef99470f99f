# What the scripts beside it share; to be sourced. Builds siprig, and gives each script a place of its own that is gone
# when it ends.
#
# Exit codes: 0, what was promised holds; 1, it does not; 77, it can not be tried here, and a line beginning with SKIPPED
# says why.
set -euo pipefail
export LC_ALL=C.UTF-8 NO_COLOR=1
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

skip() {
    echo "SKIPPED: $1"
    exit 77
}

# Microseconds of the wall clock.
now_us() { echo "${EPOCHREALTIME/[.,]/}"; }

# Milliseconds with one decimal, from microseconds.
ms() { printf '%d.%d' $(($1 / 1000)) $(($1 / 100 % 10)); }

# On stdin numbers, one a line. Prints the least, the middle one and the greatest.
spread() {
    sort -n | awk '{ v[NR] = $1 } END { printf "min %s, median %s, max %s", v[1], v[int((NR + 1) / 2)], v[NR] }'
}

machine() {
    local model
    model=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)
    echo "machine: ${model:-unknown processor}, $(nproc) processors, Linux $(uname -r), load $(cut -d' ' -f1 /proc/loadavg), $(id -un)"
}

cargo build --release --quiet --locked --manifest-path "$top/Cargo.toml"
siprig=$(realpath -m "${CARGO_TARGET_DIR:-$top/target}")/release/siprig
[ -x "$siprig" ] || { echo "there is no $siprig" >&2; exit 1; }

work=$(mktemp -d "${TMPDIR:-/tmp}/siprig-bench.XXXXXX")
children=()
clean_up() {
    local child
    for child in "${children[@]}"; do
        kill "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

export SIPRIG_STATE=$work/state
mkdir -m 700 "$SIPRIG_STATE"
cd "$work"

# The virtual bench is the place of all these trials but those that set no_bench.
[ -n "${no_bench:-}" ] || "$siprig" check --report-dir "$work" >"$work/check" 2>&1 || { cat "$work/check"; skip "siprig check finds that this machine allows no virtual bench"; }

# Builds what loads the bridge.
bridge_load() {
    cargo build --release --quiet --locked --manifest-path "$top/Cargo.toml" --example bridge-load
    load=$(dirname "$siprig")/examples/bridge-load
}

# Runs a program where it may make interfaces, and nothing of it outlives it.
in_namespaces() {
    local own=(unshare --net --mount --pid --fork --kill-child --mount-proc)
    [ "$(id -u)" = 0 ] || own+=(--user --map-root-user)
    "${own[@]}" true 2>/dev/null || skip "this machine allows no namespaces"
    for tool in ip nft; do
        PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null || skip "there is no $tool here"
    done
    PATH=$PATH:/usr/sbin:/sbin "${own[@]}" "$@"
}
