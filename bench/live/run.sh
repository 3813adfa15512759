#!/bin/sh
# RIS Live for five minutes at full rate, from a local server that hangs up,
# stalls in frames and sends garbage: memory must be flat, and every message that
# was received delivered, waiting, or counted as lost.
#
#   bench/live/run.sh [SECONDS] [MESSAGES_PER_SECOND] [RECORDING]
#   bench/live/run.sh table [SECONDS] [MESSAGES_PER_SECOND]
#
# Default: 300 s at 20,000 messages a second, which is several times what all
# collectors of RIS say together; made updates, or the lines of a recording.
#
# With `table` there are the table of an invented Internet (5,000 networks, 60,000
# prefixes, 20 peers) and all detectors behind the stream, which replays its last
# six hours again and again, and a World is built every ten seconds. Default: 300 s
# at 5,000 messages a second: each is up to 150 routes.
set -eu
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}
cargo build --release -q -p asgard-ingest --example live
if [ "${1:-}" != table ]; then
  exec "$target/release/examples/live" "${@:-300}"
fi
cargo build --release -q -p asgard
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$target/release/asgard" synth --days 1 "$work/mirror"
for file in "$work"/mirror/routing/ris-live.*; do
  gzip -dc "$file" >> "$work/recording.json"
  rm "$file"
done
"$target/release/examples/live" "${2:-300}" "${3:-5000}" \
  "$work/recording.json" "$work/mirror"
