//! Processes of ours, as a test starts, kills, freezes and restarts them.

use crate::system::LIMIT;
use crate::wait::eventually;
use anyhow::{Context, Result};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A process of ours, killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    launch: Launch,
    /// Its health and metrics.
    pub admin: String,
}

/// All that a process is started with.
#[derive(Debug, Clone)]
struct Launch {
    binary: PathBuf,
    environment: Vec<(&'static str, String)>,
    log: PathBuf,
}

impl Launch {
    fn spawn(&self) -> Result<Child> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&self.log)?;
        Command::new(&self.binary)
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("{} does not start", self.binary.display()))
    }
}

impl Process {
    /// Ends it at once, as a crash would (SIGKILL).
    ///
    /// # Panics
    /// It can't be killed.
    pub fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("reaped");
    }

    /// Asks it to end in good order (SIGTERM), waits for that, and returns its exit code.
    ///
    /// # Panics
    /// It can't be signalled.
    pub fn terminate(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.child.wait().expect("reaped").code()
    }

    /// Sends it a signal: `STOP` freezes it, `CONT` lets it go on, `TERM` asks it to end.
    ///
    /// # Panics
    /// It can't be signalled.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(sent.expect("the kill command").success());
    }

    /// Its exit code, once it has ended. One that a signal ended has -1.
    ///
    /// # Panics
    /// The machine does not tell.
    pub fn ended(&mut self) -> Option<i32> {
        self.child.try_wait().expect("a look at a child").map(|status| status.code().unwrap_or(-1))
    }

    /// How much processor time it has used.
    ///
    /// # Panics
    /// It has ended.
    pub fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("a process");
        // After the name, which may hold anything: user and system time are the 12th and 13th, in hundredths of a second.
        let (_, fields) = stat.rsplit_once(')').expect("a name");
        let ticks = fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number"));
        Duration::from_millis(ticks.sum::<u64>() * 10)
    }

    /// Starts it anew, as it was started: the same settings and addresses, and its log goes on.
    ///
    /// # Errors
    /// It does not start.
    pub fn restart(&mut self) -> Result<()> {
        self.restart_with(&[])
    }

    /// The same, this time with more in its environment.
    ///
    /// # Errors
    /// It does not start.
    pub fn restart_with(&mut self, more: &[(&'static str, String)]) -> Result<()> {
        let mut launch = self.launch.clone();
        launch.environment.extend_from_slice(more);
        self.child = launch.spawn()?;
        Ok(())
    }

    /// Where it logs.
    pub fn log(&self) -> &Path {
        &self.launch.log
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(&self.launch.log).unwrap_or_default();
            let tail: Vec<_> = log.lines().rev().take(15).collect();
            eprintln!("--- {}", self.launch.log.display());
            for line in tail.into_iter().rev() {
                eprintln!("{line}");
            }
        }
    }
}

/// Starts processes with one environment.
#[derive(Debug)]
pub struct Launcher {
    folder: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl Launcher {
    /// Logs go to the folder.
    pub fn new(folder: &Path, environment: Vec<(&'static str, String)>) -> Self {
        Self { folder: folder.to_owned(), environment }
    }

    /// Starts a process of ours, with more in its environment.
    ///
    /// # Errors
    /// It does not start, or was not built.
    pub fn launch(&self, binary: &str, number: usize, more: &[(&'static str, String)]) -> Result<Process> {
        let admin = free_address()?;
        let mut environment = self.environment.clone();
        environment.extend_from_slice(more);
        environment.push(("SAFEPOINT_ADMIN_LISTEN", admin.clone()));
        let log = self.folder.join(format!("{}-{number}.log", binary.replace('/', "-")));
        let launch = Launch { binary: binary_path(binary)?, environment, log };
        Ok(Process { child: launch.spawn()?, launch, admin: format!("http://{admin}") })
    }
}

/// Waits until a process says that it can work at its best.
///
/// # Panics
/// It does not within [`LIMIT`].
pub async fn ready(http: &reqwest::Client, admin: &str) {
    let url = format!("{admin}/readyz");
    eventually("a process that is ready", LIMIT, async || {
        let answer = http.get(&url).send().await.ok()?.text().await.ok()?;
        (answer == r#"{"status":"ready"}"#).then_some(())
    })
    .await;
}

/// The binaries lie beside the test's own folder: `cargo build --workspace` has made them.
///
/// # Errors
/// They were not built.
pub fn binary_path(name: &str) -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folder = test.parent().and_then(Path::parent).context("the target folder")?;
    let path = folder.join(name);
    anyhow::ensure!(path.exists(), "{} is missing: cargo build --workspace", path.display());
    Ok(path)
}

/// An address to listen on. Below the ports that the kernel hands out to clients, where a process that is restarted
/// finds its own again.
///
/// # Errors
/// None is free.
pub fn free_address() -> Result<String> {
    for _ in 0..100 {
        let port = 20_000 + (runtime::clock::jitter() * 10_000.0) as u16;
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return Ok(listener.local_addr()?.to_string());
        }
    }
    anyhow::bail!("no port is free between 20000 and 29999")
}
