//! What a dump will hold, from the catalog.

use super::failure;
use super::session::Session;
use crate::executor::sink::Output;
use crate::safepoint::Ended;
use operation::{Code, Failure};

/// Each wanted name with the relations it may mean. A name with a dot is read both ways: as schema and table, and as
/// a table whose name has a dot. Without a schema it means what the role's search path finds, as in `psql`.
const FIND: &str = "
    SELECT wanted.name, c.oid
    FROM unnest($1::text[]) AS wanted(name)
    LEFT JOIN (pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace)
      ON c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
      AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND (n.nspname || '.' || c.relname = wanted.name
           OR c.relname = wanted.name AND pg_table_is_visible(c.oid))";

/// The relations and their partitions, which `pg_dump` (before 16) would leave out.
const WITH_PARTITIONS: &str = "
    WITH RECURSIVE chosen(oid) AS (
        SELECT unnest($1::oid[])
        UNION
        SELECT i.inhrelid
        FROM chosen JOIN pg_inherits i ON i.inhparent = chosen.oid
        JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition
    )
    SELECT c.oid, n.nspname::text, c.relname::text
    FROM chosen JOIN pg_class c ON c.oid = chosen.oid JOIN pg_namespace n ON n.oid = c.relnamespace
    ORDER BY 2, 3";

/// The rows that analysis has found in the tables, and whether a table with data has never been analysed.
const ESTIMATE: &str = "
    SELECT coalesce(sum(greatest(c.reltuples, 0)::float8), 0),
           coalesce(bool_or(c.reltuples < 0 AND pg_relation_size(c.oid) > 0), false)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r'
      AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND ($1::oid[] IS NULL OR c.oid = ANY($1))
      -- The tables of an extension come with CREATE EXTENSION.
      AND NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')";

/// What is to be dumped.
pub(super) struct Selection {
    /// The tables with their schemas; everything where empty.
    pub(super) tables: Vec<(String, String)>,
    /// How many rows they have, as far as known.
    pub(super) rows: Option<u64>,
}

/// Looks the wanted tables up, and what is known of their rows.
pub(super) async fn select(wanted: &[String], session: &mut Session, output: &Output<'_>) -> Result<Selection, Ended> {
    let Session { client, wire, cluster, .. } = session;
    let lookup = async {
        let found = if wanted.is_empty() { Vec::new() } else { client.query(FIND, &[&wanted]).await? };
        let found: Vec<(String, Option<u32>)> = found.iter().map(|row| (row.get(0), row.get(1))).collect();
        let oids = match one_each(&found) {
            Ok(oids) => oids,
            Err(failure) => return Ok(Err(failure)),
        };
        let chosen = client.query(WITH_PARTITIONS, &[&oids]).await?;
        let tables = chosen.iter().map(|row| (row.get(1), row.get(2))).collect();
        let oids: Option<Vec<u32>> = (!wanted.is_empty()).then(|| chosen.iter().map(|row| row.get(0)).collect());
        let estimate = client.query_one(ESTIMATE, &[&oids]).await?;
        let (rows, unknown): (f64, bool) = (estimate.get(0), estimate.get(1));
        Ok(Ok(Selection { tables, rows: (!unknown).then_some(rows as u64) }))
    };
    let selected: Result<_, tokio_postgres::Error> = output.wait("looking up the tables", wire.drive(lookup)).await?;
    Ok(selected.map_err(|error| failure::of_error(cluster, &error, wire))??)
}

/// The one relation that each name means.
fn one_each(found: &[(String, Option<u32>)]) -> Result<Vec<u32>, Failure> {
    let mut oids = Vec::with_capacity(found.len());
    for (name, oid) in found {
        let Some(oid) = oid else {
            return Err(Failure::fatal(
                Code::NotFound,
                format!("the database has no table {name:?} that can be dumped"),
            ));
        };
        if found.iter().any(|(other, other_oid)| other == name && *other_oid != Some(*oid)) {
            let message = format!("{name:?} may mean more than one table: name it with its schema");
            return Err(Failure::fatal(Code::FailedPrecondition, message));
        }
        oids.push(*oid);
    }
    Ok(oids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_means_one_table() {
        let found = |rows: &[(&str, Option<u32>)]| {
            one_each(&rows.iter().map(|(n, o)| ((*n).to_owned(), *o)).collect::<Vec<_>>())
        };
        assert_eq!(found(&[]), Ok(vec![]));
        assert_eq!(found(&[("a", Some(1)), ("s.b", Some(2)), ("a", Some(1))]), Ok(vec![1, 2, 1]));
        assert_eq!(found(&[("a", Some(1)), ("b", None)]).unwrap_err().code, Code::NotFound);
        assert_eq!(found(&[("a.b", Some(1)), ("a.b", Some(2))]).unwrap_err().code, Code::FailedPrecondition);
    }
}
