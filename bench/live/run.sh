#!/bin/sh
# RIS Live for five minutes at full rate, from a local server that hangs up,
# stalls in frames and sends garbage: memory must be flat, and every message that
# was received delivered, waiting, or counted as lost.
#
#   bench/live/run.sh [SECONDS] [MESSAGES_PER_SECOND] [RECORDING]
#
# Default: 300 s at 20,000 messages a second, which is several times what all
# collectors of RIS say together; made updates, or the lines of a recording.
set -eu
cd "$(dirname "$0")/../.."
cargo build --release -q -p asgard-ingest --example live
exec "${CARGO_TARGET_DIR:-target}/release/examples/live" "${@:-300}"
