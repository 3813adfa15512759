//! From a URL to an open WebSocket, over TLS where the URL says so, and only to
//! addresses that may be talked to.

use std::{fmt, io, sync::Arc};

use reqwest::Url;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        self,
        client::IntoClientRequest,
        http::{HeaderValue, header::USER_AGENT},
        protocol::WebSocketConfig,
    },
};

use crate::{
    format::ris_live::MAX_MESSAGE_BYTES,
    supply::{Egress, Refusal},
};

const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("asgard/", env!("CARGO_PKG_VERSION")));
/// Bytes that are read at once: some fifty messages.
const READ_BUFFER: usize = 64 << 10;

/// Bytes both ways, encrypted or not.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// An open WebSocket.
pub(super) type Socket = WebSocketStream<Box<dyn Wire>>;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// It is no URL of a WebSocket.
    #[error("`{0}` is not a ws:// or wss:// address")]
    Url(String),
    /// The address may not be talked to.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The name, the connection, or TLS.
    #[error("`{host}`: {cause}")]
    Io {
        /// The host.
        host: String,
        /// What is wrong.
        cause: io::Error,
    },
    /// The other side speaks no WebSocket.
    #[error("`{host}` opens no WebSocket: {cause}")]
    Handshake {
        /// The host.
        host: String,
        /// What is wrong.
        cause: Box<tungstenite::Error>,
    },
}

/// Opens connections.
#[derive(Clone)]
pub struct Dialler {
    egress: Egress,
    tls: Arc<ClientConfig>,
}

impl fmt::Debug for Dialler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialler").field("egress", &self.egress).finish()
    }
}

/// The certificates of this system; none if it has none, and then no `wss://`
/// address can be verified.
pub fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(
        rustls_native_certs::load_native_certs().certs,
    );
    roots
}

impl Dialler {
    /// One that talks to whom `egress` permits, and believes these
    /// certificates.
    pub fn new(egress: Egress, roots: RootCertStore) -> Self {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let tls = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .expect("aws-lc knows the versions of TLS that rustls does")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { egress, tls: Arc::new(tls) }
    }

    /// Whether a URL is one of a WebSocket, and its address, if it names one,
    /// may be talked to.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, url: &str) -> Result<(), DialError> {
        let Place { host, .. } = Place::of(url)?;
        match host.parse() {
            Ok(at) => Ok(self.egress.check_address(&host, at)?),
            Err(_) => Ok(()),
        }
    }

    pub(super) async fn open(&self, url: &str) -> Result<Socket, DialError> {
        let wrong = || no_url(url);
        let Place { is_tls, host, port } = Place::of(url)?;
        let failed = |cause| DialError::Io { host: host.clone(), cause };
        let tcp = self.connect(&host, port).await.map_err(|e| match e {
            Failure::Refused(refusal) => DialError::Refused(refusal),
            Failure::Io(cause) => failed(cause),
        })?;
        let wire: Box<dyn Wire> = match is_tls {
            false => Box::new(tcp),
            true => {
                let name =
                    ServerName::try_from(host.clone()).map_err(|_| wrong())?;
                let connector = TlsConnector::from(Arc::clone(&self.tls));
                let tls = connector.connect(name, tcp).await;
                Box::new(tls.map_err(failed)?)
            }
        };
        let mut request = url.into_client_request().map_err(|_| wrong())?;
        request.headers_mut().insert(USER_AGENT, AGENT);
        let limits = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(MAX_MESSAGE_BYTES))
            .max_frame_size(Some(MAX_MESSAGE_BYTES));
        let opened = client_async_with_config(request, wire, Some(limits));
        match opened.await {
            Ok((socket, _)) => Ok(socket),
            Err(cause) => {
                Err(DialError::Handshake { host, cause: Box::new(cause) })
            }
        }
    }

    /// To the first address that answers, if none of them is refused.
    async fn connect(
        &self,
        host: &str,
        port: u16,
    ) -> Result<TcpStream, Failure> {
        let found = lookup_host((host, port)).await.map_err(Failure::Io)?;
        let addresses: Vec<_> = found.collect();
        for address in &addresses {
            self.egress
                .check_address(host, address.ip())
                .map_err(Failure::Refused)?;
        }
        let tcp = TcpStream::connect(&*addresses).await.map_err(Failure::Io)?;
        tcp.set_nodelay(true).map_err(Failure::Io)?;
        Ok(tcp)
    }
}

/// Where a URL leads; a literal address without brackets.
struct Place {
    is_tls: bool,
    host: String,
    port: u16,
}

impl Place {
    fn of(url: &str) -> Result<Self, DialError> {
        let wrong = || no_url(url);
        let parsed: Url = url.parse().map_err(|_| wrong())?;
        let is_tls = match parsed.scheme() {
            "ws" => false,
            "wss" => true,
            _ => return Err(wrong()),
        };
        let host = parsed.host_str().ok_or_else(wrong)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = parsed.port_or_known_default().ok_or_else(wrong)?;
        Ok(Self { is_tls, host: host.to_owned(), port })
    }
}

fn no_url(url: &str) -> DialError {
    DialError::Url(url.chars().take(200).collect())
}

enum Failure {
    Refused(Refusal),
    Io(io::Error),
}
