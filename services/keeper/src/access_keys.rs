//! `safepoint-keeper access-key`: pairs of keys that Huawei Cloud's clients sign their requests with.

use crate::operator;
use anyhow::{Context, ensure};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use clap::Subcommand;
use operation::ProjectId;
use runtime::callers::is_name;
use runtime::config::Secret;
use runtime::scope::Scope;
use runtime::sealing::KeyRing;
use store::{AccessKey, Store, purpose_of_access_key};

/// What is done to access keys. No route of the api asks for them yet.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Makes a pair and prints it, access key first. The secret key is kept sealed and never shown again.
    Create {
        /// What it is called: recorded as the requester, and never used again.
        #[arg(long)]
        name: String,
        /// The project it may act in.
        #[arg(long)]
        project: ProjectId,
        /// What it may do there, e.g. operations.read; again for more.
        #[arg(long = "scope", required = true)]
        scopes: Vec<Scope>,
    },
    /// Lists all pairs there ever were, without their secret keys.
    List,
    /// Takes a pair back for good.
    Revoke {
        /// Its name.
        name: String,
    },
    /// Seals all secret keys under the first key of the ring, so that the others may go.
    Reseal,
}

/// Does it.
///
/// # Errors
/// What could not be done, for people.
pub async fn run(store: &Store, keys: &KeyRing, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create { name, project, scopes } => {
            let (access_key, secret_key) = create(store, keys, &name, &project, &scopes).await?;
            eprintln!("The access key {name}; its secret key is not shown again:");
            println!("{access_key}\n{}", secret_key.expose());
        }
        Command::List => {
            for key in store.access_keys().await? {
                println!("{}", line(&key));
            }
        }
        Command::Revoke { name } => {
            let revoked = store.revoke_access_key(&name, &operator()).await?;
            ensure!(revoked, "there is no access key {name}, or it was revoked before");
            eprintln!("The access key {name} is revoked.");
        }
        Command::Reseal => {
            let resealed = reseal(store, keys).await?;
            eprintln!("{resealed} secret keys are sealed anew.");
        }
    }
    Ok(())
}

/// Makes a pair and returns it.
///
/// # Errors
/// Its name was used before, there are no keys to seal with, or the database does not answer.
pub async fn create(
    store: &Store,
    keys: &KeyRing,
    name: &str,
    project: &ProjectId,
    scopes: &[Scope],
) -> anyhow::Result<(String, Secret)> {
    ensure!(is_name(name), "--name must be 1 to 100 characters that can be shown, none of them a colon");
    // As long as Huawei Cloud's: 20 characters and 40.
    let access_key = format!("SP{}", base32(&rand::random::<[u8; 18]>()));
    let secret_key = Secret::new(BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 30]>()));
    let key = AccessKey {
        access_key: access_key.clone(),
        name: name.to_owned(),
        project: project.to_string(),
        scopes: scopes.iter().map(ToString::to_string).collect(),
        sealed: keys.seal(&secret_key, &purpose_of_access_key(&access_key))?,
        create_time: None,
        revoke_time: None,
    };
    let created = store.create_access_key(&key, &operator()).await?;
    ensure!(created, "there is, or was, an access key {name}: choose another name");
    Ok((access_key, secret_key))
}

/// Seals all secret keys under the first key of the ring. Returns how many were not.
///
/// # Errors
/// One can't be opened, or the database does not answer. Those before it are sealed anew.
pub async fn reseal(store: &Store, keys: &KeyRing) -> anyhow::Result<usize> {
    let mut resealed = 0;
    for key in store.access_keys().await? {
        if key.revoke_time.is_some() || keys.seals_with(&key.sealed.key_id) {
            continue;
        }
        let purpose = purpose_of_access_key(&key.access_key);
        let secret_key = keys.open(&key.sealed, &purpose).with_context(|| format!("the access key {}", key.name))?;
        resealed += usize::from(store.reseal_access_key(&key, &keys.seal(&secret_key, &purpose)?).await?);
    }
    Ok(resealed)
}

/// One character a byte, of those that nobody takes for another.
fn base32(bytes: &[u8]) -> String {
    const CHARACTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    bytes.iter().map(|byte| char::from(CHARACTERS[usize::from(byte % 32)])).collect()
}

fn line(key: &AccessKey) -> String {
    let state = key.revoke_time.map_or_else(|| "accepted".to_owned(), |since| format!("revoked {}", since.date()));
    format!("{}  {}  {state}  {}  {}", key.name, key.access_key, key.project, key.scopes.join(" "))
}
