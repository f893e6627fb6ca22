//! A transfer between two buckets that is paused, resumed and cancelled, and the job's next run.

use super::summary::Line;
use super::watch::{self, View};
use super::{Demo, ok, say};
use crate::files;
use crate::transfers::{Place, Run, Transfers};
use anyhow::{Result, ensure};
use std::path::Path;
use std::time::Instant;

/// The objects that are transferred: 30 of half a mebibyte, 15 seconds at the limit of their bucket.
const PREFIXES: [&str; 3] = ["00/object-000", "00/object-001", "00/object-002"];
const OBJECTS: u64 = 30;

/// Both runs of the job: the cancelled one, and the next.
pub async fn show(demo: &Demo<'_>) -> Result<[Line; 2]> {
    let (slow, sink) = demo.settings.transfer_buckets()?;
    say(
        "4/4",
        &format!(
            "Transfer {OBJECTS} objects from gs://{slow} to gs://{sink}; pause, resume and cancel it, and run it again"
        ),
    );
    let (source_dir, sink_dir) = (demo.settings.bucket_dir(&slow)?, demo.settings.bucket_dir(&sink)?);
    files::remove_folder(&sink_dir.join("demo"))?;
    let transfers = Transfers::new(demo.client.clone(), &demo.settings.project);
    let path = format!("{}/", demo.folder);
    let (source, sink) = (Place { bucket: &slow, path: "" }, Place { bucket: &sink, path: &path });
    let body = transfers.job_body(source, sink, &PREFIXES);
    println!("{} {body}", demo.call("POST", "/v1/transferJobs"));
    let job = transfers.create_job(&body).await?;
    let scene = Scene { demo, transfers, job, source: &source_dir, sink: sink_dir.join(&demo.folder) };
    let cancelled = scene.cancelled().await?;
    let next = scene.next(&cancelled).await?;
    scene.transfers.delete_job(&scene.job).await?;
    Ok([cancelled, next])
}

struct Scene<'a> {
    demo: &'a Demo<'a>,
    transfers: Transfers,
    job: String,
    source: &'a Path,
    sink: std::path::PathBuf,
}

impl Scene<'_> {
    /// Paused after some objects, resumed, and cancelled after some more.
    async fn cancelled(&self) -> Result<Line> {
        let (run, begun) = self.start().await?;
        let id = run.id()?;
        let mut view = View::new("transfer");
        let client = &self.demo.client;
        watch::until(client, id, &mut view, |o| o.done || o.progress.items_done >= 4).await?;
        self.ask(&view, &run.name, "pause").await?;
        watch::until(client, id, &mut view, |o| o.done || o.state == "PAUSED").await?;
        let paused = self.transfers.get(&run.name).await?;
        ensure!(paused.metadata.status == "PAUSED", "it is not paused: {paused:?}");
        let copied = paused.counter("objectsCopiedToSink");
        ensure!(
            copied >= 4 && self.whole().await? == copied,
            "{copied} objects are told, {} are there",
            self.whole().await?
        );
        view.say(&format!("     ok: it is paused, and {copied} objects are in the sink, each whole"));

        self.ask(&view, &run.name, "resume").await?;
        watch::until(client, id, &mut view, |o| o.done || o.progress.items_done >= copied + 4).await?;
        self.ask(&view, &run.name, "cancel").await?;
        let operation = watch::until(client, id, &mut view, |o| o.done).await?;
        let took = begun.elapsed();
        ensure!(operation.state == "CANCELLED", "it ended otherwise than cancelled: {}", operation.ending());
        let ended = self.transfers.get(&run.name).await?;
        let code = ended.error.as_ref().map(|error| error.code);
        ensure!(
            ended.done && code == Some(1) && ended.metadata.status == "ABORTED",
            "it is shown otherwise: {ended:?}"
        );
        let copied = ended.counter("objectsCopiedToSink");
        let there = self.whole().await?;
        ensure!(there == copied && copied < OBJECTS, "{copied} objects are told, {there} are there");
        ok(&format!("it is ABORTED, error code 1; {copied} objects are told and are there, whole, and nothing else"));
        Ok(Line { title: "transfer, cancelled", operation, took, rows: Some(copied) })
    }

    /// The next run copies what is missing, and nothing that is there.
    async fn next(&self, cancelled: &Line) -> Result<Line> {
        let (run, begun) = self.start().await?;
        let operation = watch::until(&self.demo.client, run.id()?, &mut View::new("next run"), |o| o.done).await?;
        let took = begun.elapsed();
        let ended = self.transfers.get(&run.name).await?;
        ensure!(ended.done && ended.metadata.status == "SUCCESS", "it did not succeed: {ended:?}");
        let (copied, skipped) = (ended.counter("objectsCopiedToSink"), ended.counter("objectsFromSourceSkippedBySync"));
        let before = cancelled.rows.unwrap_or_default();
        ensure!(
            copied + skipped == OBJECTS && skipped == before,
            "{before} objects were there: it copied {copied} and skipped {skipped}"
        );
        ensure!(self.whole().await? == OBJECTS, "not all objects are in the sink");
        ok(&format!(
            "it copied the {copied} that were missing and none of the {skipped} that were there; all are equal"
        ));
        Ok(Line { title: "transfer, next run", operation, took, rows: Some(copied) })
    }

    async fn start(&self) -> Result<(Run, Instant)> {
        println!("{}", self.demo.call("POST", &format!("/v1/{}:run", self.job)));
        let begun = Instant::now();
        let run = self.transfers.run(&self.job).await?;
        println!("     {}", run.name);
        Ok((run, begun))
    }

    async fn ask(&self, view: &View, name: &str, verb: &str) -> Result<()> {
        view.say(&self.demo.call("POST", &format!("/v1/{name}:{verb}")));
        self.transfers.ask(name, verb).await.map(drop)
    }

    /// How many objects are in the sink: each must be equal to its source, and nothing else may be there.
    async fn whole(&self) -> Result<u64> {
        let mut count = 0;
        for file in files::below(&self.sink)? {
            let source = self.source.join(file.strip_prefix(&self.sink)?);
            ensure!(source.is_file(), "{} has no source", file.display());
            ensure!(files::equal(&file, &source).await?, "{} differs from its source", file.display());
            count += 1;
        }
        Ok(count)
    }
}
