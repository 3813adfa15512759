//! What systemd is told: `sd_notify(3)`, a datagram to a socket that it names.

use std::{
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    },
};

/// Tells the supervisor that named a socket; there may be none.
#[derive(Clone, Debug)]
pub(super) struct Supervisor {
    socket: Option<String>,
}

impl Supervisor {
    pub(super) fn new(socket: Option<String>) -> Self {
        Self { socket: socket.filter(|name| !name.is_empty()) }
    }

    /// Says a line of `sd_notify`, such as `READY=1`.
    pub(super) fn tell(&self, line: &str) {
        let Some(name) = &self.socket else { return };
        if let Err(error) = send(name, line) {
            tracing::warn!(socket = name, %error, "systemd cannot be told");
        }
    }
}

fn send(name: &str, line: &str) -> io::Result<()> {
    let address = match name.strip_prefix('@') {
        Some(abstract_name) => SocketAddr::from_abstract_name(abstract_name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    UnixDatagram::unbound()?.send_to_addr(line.as_bytes(), &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reaches_a_socket_by_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        Supervisor::new(path.to_str().map(str::to_owned)).tell("READY=1");
        let mut line = [0; 16];
        let length = socket.recv(&mut line).unwrap();
        assert_eq!(&line[..length], b"READY=1");
    }

    #[test]
    fn an_abstract_socket_begins_with_an_at_sign() {
        let name = format!("asgard-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        Supervisor::new(Some(format!("@{name}"))).tell("STOPPING=1");
        let mut line = [0; 16];
        let length = socket.recv(&mut line).unwrap();
        assert_eq!(&line[..length], b"STOPPING=1");
    }

    #[test]
    fn without_a_supervisor_nobody_is_told() {
        Supervisor::new(None).tell("READY=1");
        Supervisor::new(Some(String::new())).tell("READY=1");
    }
}
