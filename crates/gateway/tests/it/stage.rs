//! A gateway in this process, with its configuration in a file, as operators
//! have it.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use asgard_gateway::{
    Gateway,
    config::{self, Overrides},
    drain::Phase,
    listener,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

/// Longest that anything may take on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Ends with the test that holds it.
pub(crate) struct Stage {
    pub(crate) gateway: Arc<Gateway>,
    /// One a listener.
    pub(crate) addresses: Vec<SocketAddr>,
    /// Where questions over HTTP are asked, if `verdict.bind` is configured.
    pub(crate) verdict: Option<SocketAddr>,
    /// Where questions over gRPC are asked, if `server` is configured.
    pub(crate) grpc: Option<SocketAddr>,
    pub(crate) file: PathBuf,
    serving: JoinSet<std::io::Result<()>>,
    _folder: tempfile::TempDir,
}

/// A configuration with one plain listener; `rest` is added as it is.
pub(crate) fn yaml(backend: SocketAddr, rest: &str) -> String {
    format!(
        "health: {{host: 127.0.0.1, port: 0}}\n\
         listeners: [{{bind: '127.0.0.1:0'}}]\n\
         backends: [{{name: app, servers: ['http://{backend}'], \
         timeouts: {{connect: 2s, first_byte: 2s, idle: 2s}}}}]\n{rest}"
    )
}

impl Stage {
    pub(crate) async fn plain(backend: SocketAddr) -> Self {
        Self::of(&yaml(backend, "")).await
    }

    pub(crate) async fn of(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gateway.yaml");
        std::fs::write(&file, text).unwrap();
        let loaded = config::load(&file, &Overrides::default())
            .unwrap_or_else(|faults| panic!("{faults}"));
        let listeners = loaded.config.listeners.clone();
        let server = loaded.config.server;
        let asked = loaded.config.verdict.as_ref().and_then(|v| v.bind);
        let gateway =
            Gateway::new(&file, Overrides::default(), loaded, 1, 0).unwrap();
        let gateway = Arc::new(gateway);
        let mut serving = JoinSet::new();
        let mut addresses = Vec::new();
        let worker = Arc::new(gateway.worker(0, 7));
        for listener in listeners {
            let socket = listener::open(listener.bind).unwrap();
            addresses.push(socket.local_addr().unwrap());
            let worker = Arc::clone(&worker);
            serving.spawn(listener::serve(socket, listener, worker));
        }
        let verdict = asked.map(|bind| {
            let socket = listener::open(bind).unwrap();
            let address = socket.local_addr().unwrap();
            let worker = Arc::clone(&worker);
            serving.spawn(listener::serve_verdicts(socket, worker));
            address
        });
        let grpc = server.map(|server| {
            let socket = listener::open(server.address.address()).unwrap();
            let address = socket.local_addr().unwrap();
            let worker = Arc::clone(&worker);
            serving.spawn(listener::serve_ext_authz(socket, worker));
            address
        });
        Self {
            gateway,
            addresses,
            verdict,
            grpc,
            file,
            serving,
            _folder: folder,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address()).await.unwrap()
    }

    /// Asks for a verdict as a proxy that forwards: what it was told by GET of
    /// a path by a client.
    pub(crate) async fn verdict(
        &self,
        client: &str,
        path: &str,
        fields: &str,
    ) -> String {
        let question = format!(
            "GET /v1/verdict/forward HTTP/1.1\r\nHost: a\r\n\
             Connection: close\r\nX-Forwarded-Method: GET\r\n\
             X-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example\r\n\
             X-Forwarded-Uri: {path}\r\nX-Forwarded-For: {client}\r\n\
             {fields}\r\n"
        );
        let address = self.verdict.expect("`verdict` is configured");
        Self::raw_to(address, question.as_bytes()).await
    }

    /// Sends bytes on a connection of their own and reads to its end.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        Self::raw_to(self.address(), bytes).await
    }

    async fn raw_to(address: SocketAddr, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The gateway may answer and close before it has read everything.
        let _ = stream.write_all(bytes).await;
        let mut all = Vec::new();
        let read = stream.read_to_end(&mut all);
        let ended = timeout(DEADLINE, read).await;
        assert!(ended.is_ok(), "the connection stays open: {bytes:?}");
        String::from_utf8_lossy(&all).into_owned()
    }

    /// One GET on a connection of its own.
    pub(crate) async fn get(&self, path: &str, fields: &str) -> String {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: shop.example\r\n\
             Connection: close\r\n{fields}\r\n"
        );
        self.raw(request.as_bytes()).await
    }

    /// The end, as the binary does it.
    pub(crate) async fn ends(&mut self, delay: Duration) {
        self.gateway.enter(Phase::Draining);
        tokio::time::sleep(delay).await;
        self.gateway.enter(Phase::Closing);
        let ended = async {
            while let Some(ended) = self.serving.join_next().await {
                ended.unwrap().unwrap();
            }
        };
        timeout(DEADLINE, ended).await.expect("it ends");
    }
}

/// The status of a response.
pub(crate) fn status(response: &str) -> u16 {
    response
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3))
        .map_or(0, |code| code.parse().unwrap())
}

/// A whole response with a length, from a connection that stays open.
pub(crate) async fn one_response(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some(end) = text.find("\r\n\r\n") {
            let length = text[..end]
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length: ")
                        .map(|length| length.parse::<usize>().unwrap())
                })
                .unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                return text;
            }
        }
        let read = timeout(DEADLINE, stream.read_buf(&mut bytes)).await;
        if read.expect("an answer in time").unwrap_or(0) == 0 {
            return String::from_utf8_lossy(&bytes).into_owned();
        }
    }
}
