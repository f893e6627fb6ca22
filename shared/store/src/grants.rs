//! What each process may do in our database, for those who give each a role of its own. A role is made by whoever owns the
//! server; its rights are given by `safepoint-keeper migrate`, each time anew, so that they are those of this version.

use crate::migrate::{MigrateError, STATEMENT_WITHIN, connect};
use tokio_postgres::Client;

/// The names of roles that exist; `None` where a process works as the owner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    /// The api's.
    pub api: Option<String>,
    /// The workers'.
    pub worker: Option<String>,
    /// The keepers'.
    pub keeper: Option<String>,
}

/// What a role had before of what is ours is taken away first. In one transaction: those who are connected notice nothing.
const RENEWED: &str = "
    BEGIN;
    DO $revoke$
    DECLARE
        ours regclass;
    BEGIN
        FOR ours IN SELECT oid::regclass FROM pg_class
                    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v') AND relowner = current_user::regrole
        LOOP
            EXECUTE format('REVOKE ALL ON %s FROM {role}', ours);
        END LOOP;
    END
    $revoke$;
    GRANT CONNECT ON DATABASE {database} TO {role};
    GRANT USAGE ON SCHEMA public TO {role};
    {grants}
    COMMIT;";

/// Gives the roles what they need in a database that is of this version, and nothing else.
///
/// # Errors
/// [`MigrateError`]: a role is not there, is named for two processes, or is the owner itself.
pub async fn grant(database_url: &str, roles: &Roles) -> Result<(), MigrateError> {
    let named: Vec<_> = [&roles.api, &roles.worker, &roles.keeper].into_iter().flatten().collect();
    if named.is_empty() {
        return Ok(());
    }
    let (client, connection) = connect(database_url).await?;
    let owner: String = in_time(client.query_one("SELECT current_user::text", &[])).await?.get(0);
    let twice = |role: &String| *role == owner || named.iter().filter(|other| **other == role).count() > 1;
    if let Some(role) = named.iter().find(|role| twice(role)) {
        return Err(MigrateError::SharedRole((*role).clone()));
    }
    for (role, grants) in [
        (&roles.api, include_str!("../grants/api.sql")),
        (&roles.worker, include_str!("../grants/worker.sql")),
        (&roles.keeper, include_str!("../grants/keeper.sql")),
    ] {
        if let Some(role) = role {
            in_time(give(&client, role, grants)).await?;
        }
    }
    drop(client);
    // The session has ended when its task has.
    let _ = tokio::time::timeout(STATEMENT_WITHIN, connection).await;
    Ok(())
}

async fn in_time<T>(answer: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, MigrateError> {
    let answer = tokio::time::timeout(STATEMENT_WITHIN, answer).await.map_err(|_| MigrateError::Silent)?;
    answer.map_err(MigrateError::Grant)
}

async fn give(client: &Client, role: &str, grants: &str) -> Result<(), tokio_postgres::Error> {
    let row = client.query_one("SELECT quote_ident($1), quote_ident(current_database())", &[&role]).await?;
    let (role, database): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    let statements = RENEWED.replace("{grants}", grants).replace("{role}", &role).replace("{database}", &database);
    client.batch_execute(&statements).await
}
