//! Measures the authorization server as clients meet it: over TCP, limits on, the database on disk.
//!
//! The program starts itself a second time as the server, so that memory is the server's alone and
//! the load is what any client makes. The one thing that differs from the app is the person: in
//! `server.rs` every approval is answered at once, at the port where the app asks a person.
//!
//! ```text
//! cargo xtask bench oauth [--seconds 5] [--clients 10000] [--grants 100000]
//! ```
//! - `load.rs`: connections, each from an address of its own in 127.0.0.0/8, and how fast they are
//! - `flows.rs`: what is measured: metadata, registration, the code flow, refreshes
//! - `server.rs`: the authorization server without the rest of the app
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program for the terminal; it reads the real clock and starts itself as the server"
)]

mod flows;
mod load;
mod server;

use anyhow::{Context as _, bail};

use crate::flows::Scene;
use crate::server::Server;

/// What is measured, and with how much.
#[derive(Clone, Copy)]
struct Plan {
    /// Length of each measurement, in seconds.
    seconds: u64,
    /// Clients registered before the second half.
    clients: usize,
    /// Grants made before the second half.
    grants: usize,
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    match arguments.first().map(String::as_str) {
        Some("serve") => runtime.block_on(server::serve(&arguments[1..])),
        Some("oauth") => runtime.block_on(oauth(plan(&arguments[1..])?)),
        _ => bail!("say what to measure: oauth"),
    }
}

fn plan(arguments: &[String]) -> anyhow::Result<Plan> {
    let mut plan = Plan {
        seconds: 5,
        clients: 10_000,
        grants: 100_000,
    };
    for pair in arguments.chunks(2) {
        let [name, value] = pair else {
            bail!("{} needs a value", pair[0])
        };
        let value: usize = value.parse().with_context(|| format!("{name} {value}"))?;
        match name.as_str() {
            "--seconds" => plan.seconds = u64::try_from(value)?,
            "--clients" => plan.clients = value,
            "--grants" => plan.grants = value,
            _ => bail!("unknown argument {name}: --seconds, --clients and --grants are known"),
        }
    }
    Ok(plan)
}

async fn oauth(plan: Plan) -> anyhow::Result<()> {
    let mut server = Server::start()?;
    let scene = Scene::new(&server);
    println!("| measured | state | per second | p50 ms | p99 ms | of plain axum |");
    println!("|---|---|---:|---:|---:|---:|");
    let empty = server.memory()?;
    scene.measure("empty", plan).await?;
    let begun = std::time::Instant::now();
    scene.register(plan.clients).await?;
    server.fill(plan.grants)?;
    let filled = begun.elapsed();
    let full = server.memory()?;
    scene.measure("full", plan).await?;
    let after = server.memory()?;
    println!();
    println!("| memory of the server process | MiB |");
    println!("|---|---:|");
    println!("| just started | {empty:.1} |");
    let Plan {
        clients, grants, ..
    } = plan;
    println!("| with {clients} clients and {grants} grants more | {full:.1} |");
    println!("| after the second half | {after:.1} |");
    println!();
    println!(
        "Filling took {:.0} s; the database has {:.0} MiB.",
        filled.as_secs_f64(),
        server.disk()?
    );
    server.stop()
}
