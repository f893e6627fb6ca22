//! A Postgres of one test's own, with a standby that can be promoted.

use crate::Proxy;
use crate::process::free_address;
use crate::wait::eventually;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

const LIMIT: Duration = Duration::from_mins(1);

/// A primary and its standby, in a folder of their own. Both end when this is dropped.
#[derive(Debug)]
pub struct Replicated {
    folder: TempDir,
    password: String,
    primary: String,
    standby: String,
}

impl Replicated {
    /// Makes and starts both. The server's programs are found by `PATH`.
    ///
    /// # Panics
    /// The machine has no Postgres.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let password = Uuid::new_v4().simple().to_string();
        let (primary, standby) = (free_address().expect("a port"), free_address().expect("a port"));
        let pair = Self { folder, password, primary, standby };
        std::fs::write(pair.path("password"), &pair.password).expect("written");
        if is_root() {
            // Postgres refuses to run as root.
            let folder = pair.folder.path().display().to_string();
            succeeds(Command::new("chown").args(["-R", "postgres:", &folder]));
        }
        let (data, password) = (pair.text("primary"), pair.text("password"));
        let options = ["-U", "postgres", "--auth=scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"];
        succeeds(pair.command("initdb").args(["-D", &data, &format!("--pwfile={password}")]).args(options));
        pair.serve("primary", &pair.primary);
        let (host, port) = pair.primary.split_once(':').expect("host:port");
        let data = pair.text("standby");
        succeeds(pair.command("pg_basebackup").args(["-D", &data, "-h", host, "-p", port, "-U", "postgres"]).args([
            "--write-recovery-conf",
            "--checkpoint=fast",
            "--no-sync",
        ]));
        pair.serve("standby", &pair.standby);
        pair
    }

    /// The primary as `host:port`.
    pub fn primary(&self) -> String {
        self.primary.clone()
    }

    /// The standby as `host:port`.
    pub fn standby(&self) -> String {
        self.standby.clone()
    }

    /// The primary's database.
    pub fn primary_url(&self) -> String {
        self.url_at(&self.primary)
    }

    /// The database, by a link.
    pub fn url(&self, link: &Proxy) -> String {
        self.url_at(&link.address().to_string())
    }

    /// Waits until the standby has all that the primary has.
    ///
    /// # Panics
    /// It does not come to that.
    pub async fn wait_until_replicated(&self) {
        let client = self.client(&self.primary).await;
        let behind = "SELECT FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_lsn()";
        eventually("a standby that is up to date", LIMIT, async || client.query_opt(behind, &[]).await.expect("rows"))
            .await;
    }

    /// Ends the primary at once, as a crash would.
    ///
    /// # Panics
    /// It does not end.
    pub fn stop_primary(&self) {
        succeeds(&mut self.stop("primary"));
    }

    /// Makes the standby a primary.
    ///
    /// # Panics
    /// It can't be.
    pub async fn promote(&self) {
        let client = self.client(&self.standby).await;
        let promoted: bool = client.query_one("SELECT pg_promote()", &[]).await.expect("promoted").get(0);
        assert!(promoted, "the standby is not promoted");
    }

    async fn client(&self, address: &str) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.url_at(address), NoTls).await.expect("a connection");
        tokio::spawn(connection);
        client
    }

    fn url_at(&self, address: &str) -> String {
        format!("postgres://postgres:{}@{address}/postgres", self.password)
    }

    fn serve(&self, name: &str, address: &str) {
        let (_, port) = address.split_once(':').expect("host:port");
        let options = format!("-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off");
        let (data, log) = (self.text(name), self.text(&format!("{name}.log")));
        succeeds(self.command("pg_ctl").args(["start", "-s", "-w", "-D", &data, "-l", &log, "-o", &options]));
    }

    fn stop(&self, name: &str) -> Command {
        let mut command = self.command("pg_ctl");
        command.args(["stop", "-s", "-w", "-m", "immediate", "-D", &self.text(name)]);
        command
    }

    /// A program of the server, as a user that it runs as.
    fn command(&self, program: &str) -> Command {
        let mut command = if is_root() { Command::new("runuser") } else { Command::new(program) };
        if is_root() {
            command.args(["-u", "postgres", "--", program]);
        }
        command.env("PGPASSWORD", &self.password).current_dir(self.folder.path());
        command
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

impl Drop for Replicated {
    fn drop(&mut self) {
        for name in ["standby", "primary"] {
            // One of them may have ended before.
            let _ = self.stop(name).stderr(Stdio::null()).status();
        }
    }
}

fn succeeds(command: &mut Command) {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status().expect("a program of the server");
    assert!(status.success(), "{:?}", command.get_args().collect::<Vec<_>>());
}

fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").expect("this process")) == 0
}
