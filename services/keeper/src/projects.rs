//! `safepoint-keeper project`: what a project may have at a time.

use crate::operator;
use clap::Subcommand;
use operation::ProjectId;
use store::{ListedProject, ProjectLimits, Store};

/// What is done to projects. A project is whatever tokens name; here it gets limits of its own.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Gives a project its limits: all of them at once, so that one left out is lifted. They hold from the next
    /// operation that is created or begun.
    Set {
        /// The project.
        project: ProjectId,
        /// At most so many of its operations wait or stand paused; one more is refused (429). If absent, what `[limits]`
        /// of the configuration says.
        #[arg(long)]
        queued: Option<u32>,
        /// At most so many of its operations run at a time; others wait. If absent, as many as there are workers for.
        #[arg(long)]
        running: Option<u32>,
    },
    /// Lists the projects that have limits or operations, with what waits and runs now.
    List,
}

/// Does it.
///
/// # Errors
/// What could not be done, for people.
pub async fn run(store: &Store, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Set { project, queued, running } => {
            store.set_project(&project, ProjectLimits { queued, running }, &operator()).await?;
            eprintln!("The project {project} has these limits now: {}.", told(ProjectLimits { queued, running }));
        }
        Command::List => {
            for project in store.list_projects().await? {
                println!("{}", line(&project));
            }
        }
    }
    Ok(())
}

fn line(project: &ListedProject) -> String {
    let ListedProject { project, limits, queued, running } = project;
    format!("{project}  queued {queued}, running {running}  limits: {}", told(*limits))
}

fn told(limits: ProjectLimits) -> String {
    let told = |limit: Option<u32>, none: &str| limit.map_or_else(|| none.to_owned(), |limit| limit.to_string());
    format!("queued {}, running {}", told(limits.queued, "as configured"), told(limits.running, "any"))
}
