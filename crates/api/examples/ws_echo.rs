//! A server of `/echo` for test suites of the WebSocket protocol.
//!
//! `cargo run -p asgard-api --features echo --example ws_echo`

#![expect(clippy::print_stdout, reason = "whoever starts it reads the port")]

#[tokio::main(flavor = "multi_thread")]
async fn main() -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, asgard_api::echo::router()).await
}
