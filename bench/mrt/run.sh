#!/bin/sh
# Speed of the MRT reader: one table, one core, CPU seconds of one run.
#
#   bench/mrt/run.sh [ENTRIES]      (default 2,000,000; 190 MB in TMPDIR)
#
# Compares prefix + path + peer by asgard's reader, by the route and the element
# iterator of bgpkit-parser, and `bgpdump -m` (Debian package bgpdump; left out
# where it is not). Sums of what was read must agree.
set -eu
cd "$(dirname "$0")/../.."
entries=${1:-2000000}
cargo build --release -q -p asgard-ingest --example mrt
bench=${CARGO_TARGET_DIR:-target}/release/examples/mrt
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$bench" generate "$dir/rib" "$entries"

# CPU seconds (user + system) of a command, and what it printed.
measure() {
  python3 - "$entries" "$@" <<'PY'
import resource, subprocess, sys
entries, name, *command = sys.argv[1:]
process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
lines, first = 0, b""
while chunk := process.stdout.read(1 << 20):
    first, lines = first or chunk[:60], lines + chunk.count(b"\n")
if process.wait() != 0:
    sys.exit(f"{name} failed")
used = resource.getrusage(resource.RUSAGE_CHILDREN)
cpu = used.ru_utime + used.ru_stime
said = first.decode().strip() if lines == 1 else f"{lines} lines"
print(f"{name:22} {cpu:7.2f} s CPU {int(entries) / cpu / 1e6:7.2f} M entries/s {used.ru_maxrss // 1024:5} MB  {said}")
PY
}
measure "asgard" "$bench" asgard "$dir/rib"
measure "bgpkit route iterator" "$bench" route "$dir/rib"
measure "bgpkit elem iterator" "$bench" elem "$dir/rib"
if command -v bgpdump >/dev/null; then
  measure "bgpdump -m" bgpdump -m "$dir/rib"
else
  echo "SKIP bgpdump -m: not installed"
fi
if [ -x "${CARGO_TARGET_DIR:-target}/release/asgard" ]; then
  measure "asgard mrt" "${CARGO_TARGET_DIR:-target}/release/asgard" mrt "$dir/rib"
fi
