//! How a process is asked to end.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that is cancelled at the first SIGTERM or SIGINT: end in good order. A second signal ends the process at
/// once, with exit code 130.
///
/// # Errors
/// The signal handlers can't be installed.
pub fn shutdown_signal() -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let fired = token.clone();
    tokio::spawn(async move {
        for nth in 1.. {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if nth > 1 {
                tracing::warn!("a second signal: ending at once");
                std::process::exit(130);
            }
            tracing::info!("asked to end: finishing in good order");
            fired.cancel();
        }
    });
    Ok(token)
}
