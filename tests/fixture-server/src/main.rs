//! An MCP server that has everything the official conformance suite asks of a server, and a few
//! annotated tools, one of each kind, for Drawbridge's own tests.
//!
//! Speaks over stdio; with `--http PORT` over Streamable HTTP, which is how the suite can be run
//! against it without anything in between.
//!
//! | file | room |
//! |---|---|
//! | `server.rs` | what rmcp asks of a server |
//! | `tools.rs` | the tools' definitions |
//! | `calls.rs` | what they do |
//! | `rounds.rs` | tools that ask for input before they answer (`input_required`) |
//! | `prompts.rs`, `resources.rs` | prompts and resources |

mod calls;
mod prompts;
mod resources;
mod rounds;
mod server;
mod tools;

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use clap::Parser;
use rmcp::ServiceExt as _;
use rmcp::transport::stdio;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};

use crate::server::{Fixture, Shared};

/// An MCP server for tests.
#[derive(Parser)]
struct Arguments {
    /// Serve Streamable HTTP at this port of 127.0.0.1 (0: a free one) instead of stdio.
    #[arg(long)]
    http: Option<u16>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let shared = Arc::new(Shared::new()?);
    match arguments.http {
        None => {
            Fixture::new(shared).serve(stdio()).await?.waiting().await?;
        }
        Some(port) => serve_http(shared, port).await?,
    }
    Ok(())
}

async fn serve_http(shared: Arc<Shared>, port: u16) -> anyhow::Result<()> {
    // Sessions, because a tool of the older era asks its client in the middle of a call.
    let config = StreamableHttpServerConfig::default()
        .with_allowed_origins(["http://localhost:*", "http://127.0.0.1:*"])
        .enforce_origin_validation();
    let service = StreamableHttpService::new(
        move || Ok(Fixture::new(Arc::clone(&shared))),
        Arc::new(LocalSessionManager::default()),
        config,
    );
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = tokio::net::TcpListener::bind(address).await?;
    writeln!(std::io::stdout(), "http://{}/mcp", listener.local_addr()?)?;
    let router = axum::Router::new().route("/mcp", axum::routing::any_service(service));
    axum::serve(listener, router)
        .with_graceful_shutdown(async {
            // Fails only where signals cannot be had; then the server runs until it is killed.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        })
        .await?;
    Ok(())
}
