#!/bin/sh
# A full table, learnt as the server does: seconds on two cores, largest memory.
#
#   bench/mrt/load.sh [PREFIXES [PEERS [MESSAGES]]]
#
# Default 1,300,000 prefixes of 20 peers (26 million routes, 400 MB of gzip in
# TMPDIR) and a million updates after it. The targets: 60 seconds, 1.5 GB, and
# 100,000 updates a second of one core, with all detectors; ends with 1 if the last
# is missed.
set -eu
cd "$(dirname "$0")/../.."
cargo build --release -q -p asgard-ingest --example load
bench=${CARGO_TARGET_DIR:-target}/release/examples/load
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$bench" generate "$dir" "${1:-1300000}" "${2:-20}" 1
echo "the dump alone:"
"$bench" learn "$dir"
"$bench" generate "$dir" "${1:-1300000}" "${2:-20}" "${3:-1000000}"
echo "with updates:"
"$bench" learn "$dir"
echo "updates alone, on one core:"
"$bench" updates "$dir"
