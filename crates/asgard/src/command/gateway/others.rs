//! Other gateways on the same admin address: the one that this process follows,
//! the one that follows it, or one that is there by mistake.
//!
//! Sockets are shared (`SO_REUSEPORT`), so the system refuses none of them. A
//! gateway that is asked says which process it is and where it was told to
//! listen. Who shares a listener with us is our predecessor or successor; who
//! shares none is another gateway, and two of them behind one admin address
//! would be scraped, probed and reloaded by chance: that is refused.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Result, anyhow};
use asgard_gateway::{config::Config, listens};
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

/// For one answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two looks for a successor.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest answer.
const MAX_BYTES: u64 = 1 << 20;
/// The kernel deals connections out by their ports: that two processes listen
/// and one of them gets all of these has a probability of 2⁻¹⁶.
const ASKED: usize = 16;

/// What a gateway says about its process.
#[derive(Debug, Deserialize)]
struct Process {
    id: u32,
    configuration: PathBuf,
    listens: Vec<SocketAddr>,
}

#[derive(Debug, Deserialize)]
struct Health {
    /// `ok`, `degraded` or `draining`.
    status: String,
    process: Process,
}

/// Looks for a gateway that this one follows, and tells of it in the log.
///
/// # Errors
/// When another gateway answers on the admin address that is not to be followed.
pub(super) async fn follow(config: &Config) -> Result<()> {
    let address = config.health.address();
    if address.port() == 0 {
        return Ok(());
    }
    // What is no gateway has the address for itself, and binding will fail.
    let Some(health) = ask(address).await else { return Ok(()) };
    let other = health.process;
    let (id, file) = (other.id, other.configuration.display());
    let ours = listens(config);
    if ours.iter().any(|address| other.listens.contains(address)) {
        tracing::info!(
            process = id,
            configuration = %file,
            "another gateway listens there too; this one follows it, and it \
             may be told to end"
        );
        return Ok(());
    }
    Err(anyhow!(
        "cannot listen on {address} (health): process {id}, a gateway of \
         {file} with other listeners, answers there; set another `health.port`"
    ))
}

/// The process that has taken over the admin address of this one, if one has.
/// One that drains itself was told to end before, and takes over nothing.
pub(super) async fn follower(address: SocketAddr) -> Option<u32> {
    for _ in 0..ASKED {
        let Health { status, process } = ask(address).await?;
        if process.id != std::process::id() && status != "draining" {
            return Some(process.id);
        }
    }
    None
}

/// Waits until there is one.
pub(super) async fn next_follower(address: SocketAddr) -> u32 {
    loop {
        sleep(PAUSE).await;
        if let Some(process) = follower(address).await {
            return process;
        }
    }
}

async fn ask(address: SocketAddr) -> Option<Health> {
    let asked = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        let request = format!(
            "GET /healthz HTTP/1.1\r\nHost: {address}\r\n\
             Connection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        let mut stream = stream.take(MAX_BYTES);
        stream.read_to_string(&mut answer).await.ok()?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        serde_json::from_str(body).ok()
    };
    timeout(PATIENCE, asked).await.ok().flatten()
}
