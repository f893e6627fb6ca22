//! How a process begins, and how it is asked to end.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Lets the process open as many files as it may, connections among them; returns how many. Many systems begin with 1,024,
/// for the sake of programs that use `select`.
pub fn raise_file_limit() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        // Without a limit the kernel has one of its own, which is far above what is asked here.
        Ok(()) => maximum.unwrap_or(u64::MAX),
        Err(error) => {
            tracing::warn!(%error, "the limit of open files could not be raised");
            current.unwrap_or(u64::MAX)
        }
    }
}

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
