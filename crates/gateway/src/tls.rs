//! TLS towards clients and backends: rustls, certificates from PEM files.
//!
//! The server name of a client picks the certificate; without one, or with one
//! that nobody knows, it is the first. Files are read when the configuration
//! is, so a reload brings new certificates; one that cannot be read, or whose
//! key does not fit, refuses the whole configuration.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::danger::{
        HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs},
    pki_types::{
        CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject,
    },
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio_rustls::TlsConnector;

use crate::{
    config::{self, BackendTls, TlsVersion},
    forward::server::Secure,
};

/// What is wrong with a certificate, a key or an authority.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM file that cannot be read.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: String,
        /// Why.
        error: rustls::pki_types::pem::Error,
    },
    /// A file without any certificate.
    #[error("{0}: no certificate in it")]
    Empty(String),
    /// Certificate and key do not belong together, or are of no use.
    #[error("{path}: {error}")]
    Unusable {
        /// The certificate.
        path: String,
        /// Why.
        error: rustls::Error,
    },
    /// The name is no DNS name and no address.
    #[error("`{0}` is no name of a server")]
    Name(String),
    /// The roots of the system.
    #[error("no root certificates: set `tls.ca` of backend `{0}`")]
    NoRoots(String),
    /// The provider refuses the versions.
    #[error(transparent)]
    Version(rustls::Error),
}

/// Who may vouch for the servers of a backend; `None`: they are not verified.
pub(crate) type Authorities = Option<Arc<RootCertStore>>;

/// What a listener presents.
///
/// # Errors
/// When a file cannot be read or used.
pub(crate) fn server(
    tls: &config::Tls,
    http2: bool,
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = provider();
    let mut keys = Vec::with_capacity(tls.certs.len());
    for files in &tls.certs {
        let chain = certificates(&files.cert)?;
        let key = PrivateKeyDer::from_pem_file(&files.key)
            .map_err(|error| file_error(&files.key, error))?;
        let key =
            CertifiedKey::from_der(chain, key, &provider).map_err(|error| {
                TlsError::Unusable {
                    path: files.cert.display().to_string(),
                    error,
                }
            })?;
        keys.push(Named::new(Arc::new(key)));
    }
    let versions: &[&rustls::SupportedProtocolVersion] = match tls.min_version {
        TlsVersion::V1_2 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersion::V1_3 => &[&rustls::version::TLS13],
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(TlsError::Version)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(ByName(keys)));
    if http2 {
        config.alpn_protocols.push(b"h2".to_vec());
    }
    config.alpn_protocols.push(b"http/1.1".to_vec());
    Ok(Arc::new(config))
}

/// Whom the servers of a backend must be vouched for by; `None` if they need
/// not be: without https, or with `verify: false`.
///
/// # Errors
/// When the file of authorities cannot be read or used, or the system has none.
pub(crate) fn authorities(
    backend: &config::Backend,
) -> Result<Authorities, TlsError> {
    let verifies = backend.tls.verify && backend.servers.iter().any(|s| s.tls);
    let roots = verifies.then(|| roots(&backend.tls, &backend.name));
    Ok(roots.transpose()?.map(Arc::new))
}

/// How a server of a backend is spoken to; without `authorities` it is not
/// verified.
///
/// # Errors
/// When the name is none.
pub(crate) fn client(
    backend: &config::Backend,
    host: &str,
    authorities: Authorities,
) -> Result<Secure, TlsError> {
    let tls = &backend.tls;
    let name = tls.server_name.as_deref().unwrap_or(host);
    let name = ServerName::try_from(name.to_owned())
        .map_err(|_| TlsError::Name(name.to_owned()))?;
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Version)?;
    let mut config = match authorities {
        Some(roots) => {
            builder.with_root_certificates(roots).with_no_client_auth()
        }
        None => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Unverified::new()))
            .with_no_client_auth(),
    };
    let alpn: &[u8] = if backend.http2 { b"h2" } else { b"http/1.1" };
    config.alpn_protocols.push(alpn.to_vec());
    Ok(Secure { connector: TlsConnector::from(Arc::new(config)), name })
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| file_error(path, error))?;
    match chain.is_empty() {
        true => Err(TlsError::Empty(path.display().to_string())),
        false => Ok(chain),
    }
}

fn file_error(path: &Path, error: rustls::pki_types::pem::Error) -> TlsError {
    TlsError::File { path: path.display().to_string(), error }
}

fn roots(tls: &BackendTls, backend: &str) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    match &tls.ca {
        Some(path) => {
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| {
                    let path = path.display().to_string();
                    TlsError::Unusable { path, error }
                })?;
            }
        }
        None => {
            let system = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(system.certs);
        }
    }
    match roots.is_empty() {
        true => Err(TlsError::NoRoots(backend.to_owned())),
        false => Ok(roots),
    }
}

/// A certificate with the names that it is for.
#[derive(Debug)]
struct Named {
    key: Arc<CertifiedKey>,
}

impl Named {
    fn new(key: Arc<CertifiedKey>) -> Self {
        Self { key }
    }

    fn is_for(&self, name: &str) -> bool {
        let Ok(name) = ServerName::try_from(name) else { return false };
        let Some(first) = self.key.cert.first() else { return false };
        rustls::server::ParsedCertificate::try_from(first)
            .and_then(|cert| rustls::client::verify_server_name(&cert, &name))
            .is_ok()
    }
}

/// Picks by server name (RFC 6066, section 3).
#[derive(Debug)]
struct ByName(Vec<Named>);

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello
            .server_name()
            .filter(|_| self.0.len() > 1)
            .and_then(|name| self.0.iter().find(|cert| cert.is_for(name)));
        named.or_else(|| self.0.first()).map(|cert| Arc::clone(&cert.key))
    }
}

/// Accepts any certificate: the operator wrote `verify: false`. Signatures are
/// checked all the same, so that the handshake is one.
#[derive(Debug)]
struct Unverified(WebPkiSupportedAlgorithms);

impl Unverified {
    fn new() -> Self {
        Self(aws_lc_rs::default_provider().signature_verification_algorithms)
    }
}

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.supported_schemes()
    }
}
