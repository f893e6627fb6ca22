//! How a process begins, and how it is asked to end.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::process::exit;
use std::sync::mpsc;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit code of a process that was asked twice to end.
const ASKED_TWICE: i32 = 130;
/// The exit code of a process that did not end in time.
const NOT_IN_TIME: i32 = 1;
/// How long a log line may hold up what follows it: whoever reads the log may hang as well.
const LOGGED_WITHIN: Duration = Duration::from_secs(1);

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

/// A token that is cancelled at the first SIGTERM or SIGINT: end in good order. A process that has not ended `within` that
/// time is ended with exit code 1, and at once with exit code 130 at a second signal. Both work while every other thread
/// hangs, since signals have a thread of their own.
///
/// # Errors
/// The signal handlers can't be installed, or the machine refuses a thread.
pub fn shutdown_signal(within: Duration) -> std::io::Result<CancellationToken> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (mut terminate, mut interrupt) = {
        let _in_runtime = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    let token = CancellationToken::new();
    let fired = token.clone();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            asked(&mut terminate, &mut interrupt).await;
            fired.cancel();
            log(|| tracing::info!("asked to end: finishing in good order"));
            if tokio::time::timeout(within, asked(&mut terminate, &mut interrupt)).await.is_ok() {
                log(|| tracing::warn!("a second signal: ending at once"));
                exit(ASKED_TWICE);
            }
            log(move || tracing::error!(?within, "not ended in time: a thread hangs; ending at once"));
            exit(NOT_IN_TIME);
        });
    })?;
    Ok(token)
}

async fn asked(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Logs on another thread, for a thread that hangs may hold the log, and goes on without it after a while.
fn log(line: impl FnOnce() + Send + 'static) {
    let (logged, wait) = mpsc::channel();
    let thread = std::thread::Builder::new().spawn(move || {
        line();
        let _ = logged.send(());
    });
    if thread.is_ok() {
        let _ = wait.recv_timeout(LOGGED_WITHIN);
    }
}
