//! Shows the running system at work (`demo`) and measures it (`bench`), as a client that knows its HTTP API alone.

mod bench;
mod client;
mod demo;
mod files;
mod postgres;
mod settings;
mod text;
mod transfers;
mod wire;

use anyhow::Result;
use clap::{Parser, Subcommand};
use settings::Settings;
use std::path::PathBuf;
use std::process::ExitCode;

/// Shows the running system at work, and measures it. Where it is, the SAFEPOINT_* variables say.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// KEY=value lines for variables that are not set.
    #[arg(long, global = true, default_value = ".dev/env")]
    env_file: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// An export that completes, a dump that is restored and compared, an export that is cancelled.
    Demo,
    /// Figures against bare Postgres and a bare broker, in interleaved rounds.
    Bench(bench::Arguments),
    /// The bare floor that `bench` starts beside itself.
    #[command(hide = true)]
    Floor,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode> {
    let settings = || Settings::load(&arguments.env_file);
    match arguments.command {
        Command::Demo => demo::run(&settings()?).await?,
        Command::Bench(arguments) => return bench::run(settings()?, arguments).await,
        Command::Floor => bench::floor_server::run().await?,
    }
    Ok(ExitCode::SUCCESS)
}
