//! The bare floor, as a client sees it: a process of its own, reached over HTTP as the product is.

use super::system::{Look, System};
use anyhow::{Context, Result, bail, ensure};
use reqwest::Method;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use uuid::Uuid;

/// How an operation of the floor looks at its flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SafePoint {
    /// After each sleep of a millisecond.
    EachMillisecond,
    /// The sleep ends as soon as the flag is set: what no program can be quicker than.
    Woken,
}

/// The floor's process; it ends with this.
pub struct Process {
    child: Child,
    url: String,
    http: reqwest::Client,
}

impl Process {
    /// Starts this program anew, as the floor.
    pub async fn start(settings: &crate::settings::Settings) -> Result<Self> {
        let program = std::env::current_exe().context("this program does not find itself")?;
        let mut child = Command::new(program)
            .arg("floor")
            .env("SAFEPOINT_DATABASE_URL", settings.database_url()?)
            .env("SAFEPOINT_BROKER_URL", settings.broker_url()?)
            // It ends when this end closes, however we end.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the floor does not start")?;
        let stdout = child.stdout.take().context("the floor has no output")?;
        let mut url = String::new();
        BufReader::new(stdout).read_line(&mut url).await.context("the floor says nothing")?;
        let url = url.trim().to_owned();
        ensure!(url.starts_with("http://"), "the floor ended before it listened");
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .pool_idle_timeout(None)
            .build()
            .context("the HTTP client cannot be built")?;
        Ok(Self { child, url, http })
    }

    /// The floor with this kind of safe point.
    pub fn with(&self, safe_point: SafePoint) -> Floor<'_> {
        Floor { process: self, safe_point }
    }

    /// Ends it, and its table with it.
    pub async fn stop(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        let status = self.child.wait().await.context("the floor does not end")?;
        ensure!(status.success(), "the floor ended with {status}");
        Ok(())
    }

    async fn call(&self, method: Method, path: &str) -> Result<String> {
        let response = self.http.request(method, format!("{}{path}", self.url)).send().await;
        let response = response.context("the floor does not answer")?;
        let status = response.status();
        let text = response.text().await.context("the floor's answer broke off")?;
        if !status.is_success() {
            bail!("the floor answered {status}: {text}");
        }
        Ok(text)
    }
}

/// The floor with one kind of safe point.
pub struct Floor<'a> {
    process: &'a Process,
    safe_point: SafePoint,
}

impl System for Floor<'_> {
    fn name(&self) -> &'static str {
        match self.safe_point {
            SafePoint::EachMillisecond => "floor",
            SafePoint::Woken => "woken floor",
        }
    }

    async fn start(&self) -> Result<Uuid> {
        let path = match self.safe_point {
            SafePoint::EachMillisecond => "/start",
            SafePoint::Woken => "/start-woken",
        };
        let id = self.process.call(Method::POST, path).await?;
        id.parse().with_context(|| format!("the floor's answer is no id: {id}"))
    }

    async fn cancel(&self, id: Uuid) -> Result<()> {
        self.process.call(Method::POST, &format!("/{id}/cancel")).await?;
        Ok(())
    }

    async fn look(&self, id: Uuid) -> Result<Look> {
        let state = self.process.call(Method::GET, &format!("/{id}")).await?;
        Ok(Look { running: state == "RUNNING", done: state == "CANCELLED", receipt: None })
    }
}
