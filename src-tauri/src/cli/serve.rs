//! `drawbridge serve`: the engine without a window, until it is told to stop.

use std::path::Path;

use drawbridge_vault::{empty_folder, ensure_private_directory, is_being_erased};

use super::arguments::Serve;
use super::{CommandError, Context, prompt};
use crate::config::{Config, Environment, Folders, LogLevel};
use crate::engine::Engine;
use crate::logging;

pub(super) async fn run(flags: Serve, context: &Context) -> Result<(), CommandError> {
    let config = Config::gather(&context.environment, flags.flags(), Some(Path::new(".env")))?;
    let asks = context.terminal.can_ask();
    start_logging(&context.folders, &context.environment, asks)?;
    if config.has_env_file {
        tracing::info!("the file .env in the working folder was read");
    }
    // Listening for the signals comes first: one that arrives while starting is not lost.
    let told_to_stop = told_to_stop()?;
    tokio::pin!(told_to_stop);
    let engine = tokio::select! {
        started = Engine::start(config) => started?,
        () = &mut told_to_stop => return Ok(()),
    };
    let opened = tokio::select! {
        opened = engine.open() => Some(opened),
        () = &mut told_to_stop => None,
    };
    match opened {
        Some(Ok(())) => {}
        Some(Err(error)) => {
            engine.stop().await;
            return Err(error.into());
        }
        None => {
            engine.stop().await;
            return Ok(());
        }
    }
    context.terminal.line(format!(
        "Drawbridge is ready: {}",
        engine.addresses().connector_url()
    ))?;
    hints(&engine, context);
    let prompt = asks.then(|| prompt::start(engine.clone()));
    told_to_stop.await;
    engine.stop().await;
    #[cfg(target_os = "linux")]
    crate::process_tree::end_orphans();
    drop(prompt);
    Ok(())
}

/// What comes before the engine, with a window or without: the log, the panic hook, and the place
/// in the process tree that orphans are left to.
pub(crate) fn start_logging(
    folders: &Folders,
    environment: &Environment,
    asks: bool,
) -> Result<(), CommandError> {
    let level = LogLevel::of(environment)?;
    ensure_private_directory(&folders.data)
        .and_then(|()| {
            // An erasing that was cut short is finished before anything new is written.
            if is_being_erased(&folders.data) {
                empty_folder(&folders.logs)?;
                empty_folder(&folders.web())?;
            }
            Ok(())
        })
        .map_err(std::io::Error::other)
        .and_then(|()| logging::start(&folders.logs, level, asks))
        .map_err(|error| {
            CommandError::Failed(format!(
                "The log cannot be written in {}: {error}. Make the folder yours, or choose \
                 another with DRAWBRIDGE_HOME.",
                folders.logs.display()
            ))
        })?;
    logging::install_panic_hook();
    #[cfg(target_os = "linux")]
    if let Err(error) = crate::process_tree::become_subreaper() {
        tracing::warn!(%error, "servers' children cannot be told apart; commands they start are not refused");
    }
    Ok(())
}

/// What a person who starts it by hand wants to know next.
fn hints(engine: &Engine, context: &Context) {
    if !context.terminal.is_watched() {
        return;
    }
    if let Some(tunnel) = engine.addresses().tunnel_url() {
        context.terminal.note(&format!(
            "Your HTTPS front must forward to {tunnel} and keep the Host header."
        ));
    }
    if engine.gateway().servers().is_empty() {
        context.terminal.note(
            "No server yet. In another terminal: drawbridge servers add NAME -- COMMAND ARGS…",
        );
    }
    context.terminal.note("Stop with Ctrl-C.");
}

/// Ends when the system or the person says stop.
#[cfg(unix)]
fn told_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(windows)]
fn told_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    let mut close = tokio::signal::windows::ctrl_close()?;
    let mut shutdown = tokio::signal::windows::ctrl_shutdown()?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = close.recv() => {}
            _ = shutdown.recv() => {}
        }
    })
}
