//! The least that an HTTP server on our foundations can do: `hello` to
//! everybody, on a free port.
//!
//! `bench/api` holds the API against it, for what an answer costs beyond
//! sockets, parsing and the runtime. It knows no routes, keys or limits, and is
//! no example of how to write a server.

use std::{convert::Infallible, io, io::Write as _};

use hyper::{
    Request, Response, body::Incoming, server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    writeln!(io::stdout(), "listening on http://{address}")?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // Connections end with their clients, or with the process.
        tokio::spawn(
            http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(hello)),
        );
    }
}

async fn hello(_: Request<Incoming>) -> Result<Response<String>, Infallible> {
    Ok(Response::new("hello".to_owned()))
}
