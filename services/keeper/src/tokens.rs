//! `safepoint-keeper token`: who may call.

use crate::operator;
use anyhow::ensure;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use clap::Subcommand;
use operation::ProjectId;
use runtime::callers::is_name;
use runtime::scope::Scope;
use sha2::{Digest, Sha256};
use std::time::Duration;
use store::{Store, StoredToken};

/// What is done to tokens. Replicas of the api learn of it within seconds.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Makes a token and prints it: once, for only its hash is kept.
    Create {
        /// What it is called: recorded as the requester, and never used again.
        #[arg(long)]
        name: String,
        /// A project it may act in; again for more.
        #[arg(long = "project", required = true)]
        projects: Vec<ProjectId>,
        /// What it may do there, e.g. operations.read; again for more.
        #[arg(long = "scope", required = true)]
        scopes: Vec<Scope>,
        /// After so many days it is refused. For ever, if absent.
        #[arg(long)]
        days: Option<u32>,
    },
    /// Lists all tokens there ever were, without their secrets.
    List,
    /// Refuses a token from now on.
    Revoke {
        /// Its name.
        name: String,
    },
}

/// Does it.
///
/// # Errors
/// What could not be done, for people.
pub async fn run(store: &Store, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create { name, projects, scopes, days } => {
            let token = create(store, &name, &projects, &scopes, days).await?;
            eprintln!("The token {name}; it is not shown again:");
            println!("{token}");
        }
        Command::List => {
            for line in list(store).await? {
                println!("{line}");
            }
        }
        Command::Revoke { name } => {
            ensure!(
                store.revoke_token(&name, &operator()).await?,
                "there is no token {name}, or it was revoked before"
            );
            eprintln!("The token {name} is refused within seconds.");
        }
    }
    Ok(())
}

/// Makes a token and returns it.
///
/// # Errors
/// Its name was used before, or the database does not answer.
pub async fn create(
    store: &Store,
    name: &str,
    projects: &[ProjectId],
    scopes: &[Scope],
    days: Option<u32>,
) -> anyhow::Result<String> {
    ensure!(is_name(name), "--name must be 1 to 100 characters that can be shown, none of them a colon");
    // The prefix is for those who look for secrets in places where none should be.
    let token = format!("safepoint_{}", BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
    let new = StoredToken {
        name: name.to_owned(),
        sha256: Sha256::digest(&token).to_vec(),
        projects: projects.iter().map(ToString::to_string).collect(),
        scopes: scopes.iter().map(ToString::to_string).collect(),
        expires_in: days.map(|days| Duration::from_hours(24) * days),
    };
    ensure!(store.create_token(&new, &operator()).await?, "there is, or was, a token {name}: choose another name");
    Ok(token)
}

async fn list(store: &Store) -> anyhow::Result<Vec<String>> {
    let tokens = store.list_tokens().await?;
    let line = |token: &store::ListedToken| {
        let state = match (token.accepted, token.revoke_time, token.expire_time) {
            (true, _, None) => "accepted".to_owned(),
            (true, _, Some(end)) => format!("accepted until {}", end.date()),
            (false, Some(since), _) => format!("revoked {}", since.date()),
            (false, None, _) => "expired".to_owned(),
        };
        format!("{}  {state}  {}  {}", token.name, token.projects.join(","), token.scopes.join(" "))
    };
    Ok(tokens.iter().map(line).collect())
}
