//! Every size, default and time-out of the API, in one place.

use std::{ops::RangeInclusive, time::Duration};

use jiff::SignedDuration;

/// Largest request body, in bytes.
pub const BODY_BYTES: usize = 1 << 20;

/// Longest time that a client may take to send a body.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Shortest body that is sent compressed, in bytes; below, it fits one packet
/// with its headers anyway.
pub const COMPRESS_BYTES: u64 = 1 << 10;

/// Bodies from this size on are compressed aside from requests, in bytes.
pub const CODED_ELSEWHERE_BYTES: usize = 64 << 10;

/// Most ASNs in one bulk request; the same may occur twice.
pub const BULK_ASNS: usize = 1000;

/// Days of history that can be asked for.
pub const HISTORY_DAYS: RangeInclusive<u32> = 1..=365;

/// Days of history when nobody says.
pub const HISTORY_DAYS_DEFAULT: u32 = 30;

/// Points of history on a page.
pub const HISTORY_LIMIT: RangeInclusive<u32> = 1..=1000;

/// Points of history on a page when nobody says.
pub const HISTORY_LIMIT_DEFAULT: u32 = 200;

/// Prefixes of a network on a page.
pub const PREFIXES_LIMIT: RangeInclusive<u32> = 1..=1000;

/// Prefixes of a network on a page when nobody says.
pub const PREFIXES_LIMIT_DEFAULT: u32 = 200;

/// Incidents of a network that can be asked for.
pub const INCIDENTS_LIMIT: RangeInclusive<u32> = 1..=1000;

/// Incidents of a network when nobody says.
pub const INCIDENTS_LIMIT_DEFAULT: u32 = 100;

/// Most ROAs that are shown of one route, the most specific ones.
pub const ROAS_SHOWN: usize = 100;

/// Characters of a whitelist reason.
pub const REASON_CHARS: RangeInclusive<usize> = 1..=500;

/// Scores that the EDL can be cut at.
pub const EDL_MAX_SCORE: RangeInclusive<f64> = 0.0..=100.0;

/// Score that the EDL is cut at when nobody says.
pub const EDL_MAX_SCORE_DEFAULT: f64 = 50.0;

/// Bytes of rendered lists of networks that are kept of one Snapshot: a dozen of
/// a whole Internet, or the default and whatever narrower ones are polled.
pub const EDL_BYTES: usize = 32 << 20;

/// Requests a minute and client when the configuration does not say.
pub const RATE_PER_MINUTE: u32 = 100;

/// Polls of feeds a minute and key when the configuration does not say; a poll
/// that found nothing new counts half.
pub const FEED_RATE_PER_MINUTE: u32 = 120;

/// Seconds for which a client may keep a feed, unless a rule ends before.
pub const FEED_MAX_AGE: i64 = 30;

/// Bytes of rendered feeds that are kept in memory when the configuration does
/// not say.
pub const FEED_CACHE_BYTES: u64 = 256 << 20;

/// Versions of the past that are kept in memory, of all organisations.
pub const FEED_PAST_VERSIONS: u64 = 256;

/// Bytes of compiled lists by risk that belong to nobody, with their memory. One
/// of a whole Internet takes 60 MB.
pub const RISK_LISTS_BYTES: u64 = 192 << 20;

/// Lists of nobody that are made at the same time; further ones wait.
pub const RISK_LISTS_AT_ONCE: usize = 2;

/// Bytes of decisions about open lists that are remembered.
pub const RISK_DECISIONS_BYTES: usize = 32 << 20;

/// Configurations of Synapse agents that are kept, one an organisation.
pub const FEED_CONFIGS: u64 = 1024;

/// Listings that are kept for collections and bouncers, one an organisation.
pub const FEED_LISTINGS: u64 = 256;

/// Bouncers of which is known what they were sent; a forgotten one gets
/// everything anew.
pub const BOUNCERS: u64 = 4096;

/// Objects on a page of a TAXII collection, if the client names no number, and
/// at most.
pub const TAXII_PAGE: usize = 10_000;

/// Seconds between two notes of who polls.
pub const FEED_NOTE_SECONDS: i64 = 10;

/// Rules on a page.
pub const RULES_PAGE: usize = 1000;

/// Largest body with rules, in bytes.
pub const RULES_BYTES: usize = 8 << 20;

/// Bytes of rendered feeds that may wait for the disk.
pub const FEED_PENDING_BYTES: usize = 128 << 20;

/// Length of a rate-limit window, in seconds.
pub const RATE_WINDOW_SECONDS: i64 = 60;

/// Most clients whose windows are kept, keys and addresses each. When all are
/// taken, further clients share one more window: neither open nor closed.
pub const TRACKED_CLIENTS: usize = 65_536;

/// Longest wait for one call of the store on behalf of a request.
pub const STORE_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest wait for the store in a health check.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Seconds after which a client should try again when the fault is ours.
pub const RETRY_SECONDS: u32 = 5;

/// Publications that a slow reader of events may fall behind; then it misses
/// the oldest and is told so.
pub const EVENT_BACKLOG: usize = 1024;

/// Connections that are served at once; further clients wait in the kernel.
pub const CONNECTIONS: usize = 16_384;

/// Longest time that a client may take to send the head of a request, or leave
/// a connection idle between two of them.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// Longest time that a client may take to make room for a single byte more of
/// what is being sent to it.
pub const WRITE_STALL: Duration = Duration::from_secs(60);

/// Longest head of a request in HTTP/1, in bytes.
pub const HEAD_BYTES: usize = 32 << 10;

/// Longest head of a request in HTTP/2, in bytes, as RFC 9113 counts them.
pub const HEAD_BYTES_H2: u32 = 32 << 10;

/// Requests under way on one HTTP/2 connection.
pub const H2_STREAMS: u32 = 128;

/// Silence on an HTTP/2 connection after which the client is asked for a sign.
pub const PROBE_INTERVAL: Duration = Duration::from_secs(30);

/// Longest wait for that sign.
pub const PROBE_TIMEOUT_H2: Duration = Duration::from_secs(10);

/// Longest path with query, in bytes.
pub const URI_BYTES: usize = 8 << 10;

/// Messages that may wait for one watcher of the live stream.
pub const STREAM_QUEUE: usize = 100;

/// Newest events that are kept for watchers who resume.
pub const STREAM_LOG: usize = 65_536;

/// Pause between two keep-alives of the live stream.
pub const STREAM_PING: Duration = Duration::from_secs(30);

/// Longest wait for a watcher to take one message, or the close frame. A queue
/// that is full ends the stream long before; this frees the memory of who
/// never reads on.
pub const STREAM_STALL: Duration = Duration::from_secs(60);

/// What the kernel may keep for a watcher, in bytes (Linux doubles it).
pub const STREAM_SEND_BUFFER: usize = 16 << 10;

/// Longest message that a watcher may send; it is not even read.
pub const STREAM_INCOMING: usize = 4 << 10;

/// Networks in one `asn` filter of the live stream.
pub const STREAM_ASNS: usize = 1000;

/// Longest wait for the client's side of a closing handshake.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Characters of a domain that can be asked about.
pub const DOMAIN_CHARS: RangeInclusive<usize> = 1..=253;

/// Longest wait for the addresses of a domain when the configuration does not
/// say.
pub const DNS_TIMEOUT: Duration = Duration::from_secs(3);

/// Longest wait for Team Cymru, beyond the wait for the addresses.
pub const CYMRU_TIMEOUT: Duration = Duration::from_secs(2);

/// Domains that are looked up at the same time; the next one is refused.
pub const DNS_LOOKUPS: usize = 64;

/// From resolution to an open connection with PeeringDB.
pub const PEERINGDB_CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Longest wait for an answer of PeeringDB.
pub const PEERINGDB_TIMEOUT: Duration = Duration::from_secs(8);

/// Largest answer of PeeringDB, in bytes.
pub const PEERINGDB_BYTES: usize = 1 << 20;

/// How long an answer of PeeringDB is kept.
pub const PEERINGDB_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// Answers of PeeringDB that are kept; beyond, the oldest goes.
pub const PEERINGDB_ENTRIES: usize = 10_000;

/// Networks about which PeeringDB is asked at the same time; the next one is
/// refused.
pub const PEERINGDB_FLIGHTS: usize = 64;
