//! What a request says of `postgres.export`.

use crate::kinds::select_query;
use crate::wire::members::{Member, Parsed, flag, integer, object, one_of, secret, text, texts};
use crate::wire::request::request;
use runtime::config::Secret;

request! {
    /// The spec of `postgres.export`: rows or a dump of one database into one object.
    pub struct PostgresExportRequest {
        /// A configured cluster of the project; this or `server`.
        cluster: Option<String> = text().of_form("^projects/[^/]+/locations/[^/]+/clusters/[^/]+$"),
        server: Option<PostgresServerRequest> = object(),
        /// The database's name; 63 bytes at most.
        database: Option<String> = text().at_most(63).required(),
        /// The configured name of a bucket of the project.
        bucket: Option<String> = text().required(),
        /// The object's name: 1,024 bytes at most; one that ends in `.gz` is compressed.
        object: Option<String> = text().at_most(1024).required(),
        format: Option<Vec<FormatRequest>> = one_of().required(),
    }
}

request! {
    /// A server that is not configured: one that the operator lets the project reach.
    pub struct PostgresServerRequest {
        /// A name, an IPv4 address, or an IPv6 address in brackets.
        host: Option<String> = text().at_most(253).required(),
        /// 5432 if absent.
        port: Option<u16> = integer(1..=65535),
        /// The role that the export runs as: not a superuser, no rights to files of the server.
        user: Option<String> = text().at_most(63).required(),
        /// Kept sealed until the operation ends, and never shown.
        password: Option<Secret> = secret().required(),
    }
}

request! {
    /// Exactly one of them.
    pub enum FormatRequest {
        Csv(CsvRequest) = object(),
        Sql(SqlRequest) = object(),
    }
}

request! {
    /// The rows of one query, as `COPY … (FORMAT csv)` writes them. The characters must differ, but for quote and escape.
    pub struct CsvRequest {
        /// Exactly one SELECT that changes nothing, and is not so complex that to check it takes long.
        select_query: Option<String> = text().at_most(select_query::LONGEST).required(),
        /// A comma where it is absent.
        delimiter: Option<char> = character(),
        /// A double quote where it is absent.
        quote: Option<char> = character(),
        /// The quote where it is absent.
        escape: Option<char> = character(),
    }
}

request! {
    /// A plain dump, as `pg_dump` writes it.
    pub struct SqlRequest {
        /// Only these, `table` or `schema.table`; all where it is empty.
        tables: Vec<String> = texts(),
        /// No rows.
        schema_only: bool = flag(),
        /// `DROP` before each `CREATE`.
        clean_target_objects: bool = flag(),
        /// `DROP … IF EXISTS`; with `cleanTargetObjects` alone.
        if_exist_target_objects: bool = flag(),
    }
}

/// Written as itself: one of ASCII, which an export's own rules see to.
fn character() -> Parsed<char> {
    let only = |text: &str| {
        let mut characters = text.chars();
        characters.next().filter(|_| characters.next().is_none())
    };
    text().at_most(1).of_form("^[\\x01-\\x09\\x0b\\x0c\\x0e-\\x7f]?$").parsed(only, "must be one character")
}
