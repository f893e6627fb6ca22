//! What each process may do in our database, for those who give each a role of its own. A role is made by whoever owns the
//! server; its rights are given by `safepoint-keeper migrate`, each time anew, so that they are those of this version.

use tokio_postgres::{Client, Error};

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

/// What a role had before is taken away first. In one transaction: those who are connected notice nothing.
const RENEWED: &str = "
    BEGIN;
    REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role};
    REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM {role};
    GRANT CONNECT ON DATABASE {database} TO {role};
    GRANT USAGE ON SCHEMA public TO {role};
    {grants}
    COMMIT;";

/// Gives the roles what they need in a database that is of this version, and nothing else.
pub(crate) async fn grant(client: &Client, roles: &Roles) -> Result<(), Error> {
    for (role, grants) in [
        (&roles.api, include_str!("../grants/api.sql")),
        (&roles.worker, include_str!("../grants/worker.sql")),
        (&roles.keeper, include_str!("../grants/keeper.sql")),
    ] {
        let Some(role) = role else { continue };
        let row = client.query_one("SELECT quote_ident($1), quote_ident(current_database())", &[role]).await?;
        let (role, database): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let statements = RENEWED.replace("{grants}", grants).replace("{role}", &role).replace("{database}", &database);
        client.batch_execute(&statements).await?;
    }
    Ok(())
}
