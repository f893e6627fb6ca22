//! How our own database is reached: what `sslmode` and `sslrootcert` in its URL say.

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use std::path::PathBuf;
use std::str::FromStr;
use tls::{PostgresLink, TrustError};

/// How sqlx lets the mode be spelled.
const MODE: [&str; 2] = ["sslmode", "ssl-mode"];
/// And the file of trusted authorities.
const AUTHORITIES: [&str; 3] = ["sslrootcert", "ssl-root-cert", "ssl-ca"];

/// The database's URL can't be used. Its text is not repeated: it holds a password.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseUrlError {
    /// It is none.
    #[error("the database's URL is not valid: postgres://user:password@host:port/database is expected")]
    Invalid(#[source] sqlx::Error),
    /// A mode that would encrypt the link to anybody who answers.
    #[error(
        "the database's URL says {0}, which does not check whose server answers: take sslmode=verify-full, or disable"
    )]
    Unverified(&'static str),
    /// Trust in whom?
    #[error("the database's URL says sslmode=verify-full: it needs sslrootcert=FILE, the authorities to trust (PEM)")]
    NoAuthorities,
    /// A file of authorities that would not be used.
    #[error("the database's URL says sslrootcert, which counts only with sslmode=verify-full")]
    UnusedAuthorities,
    /// The file of authorities can't be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// One URL for both drivers: what it says of TLS, as sqlx reads it, holds for tokio-postgres too, which knows less.
pub(crate) struct Link {
    /// For sqlx.
    pub(crate) options: PgConnectOptions,
    /// For tokio-postgres.
    pub(crate) tls: PostgresLink,
}

impl Link {
    /// Reads the URL, and the file that it names.
    pub(crate) fn of(database_url: &str) -> Result<Self, DatabaseUrlError> {
        let options = PgConnectOptions::from_str(database_url).map_err(DatabaseUrlError::Invalid)?;
        let authorities = authorities(database_url);
        let plain = || {
            // sqlx would try TLS with whoever answers. That keeps nobody out, and makes a link's cost the server's choice.
            Ok(Self { options: options.clone().ssl_mode(PgSslMode::Disable), tls: PostgresLink::plain() })
        };
        match (options.get_ssl_mode(), authorities) {
            (PgSslMode::Disable, _) | (PgSslMode::Allow | PgSslMode::Prefer, None) => plain(),
            (PgSslMode::Allow | PgSslMode::Prefer, Some(_)) => Err(DatabaseUrlError::UnusedAuthorities),
            (PgSslMode::Require, _) => Err(DatabaseUrlError::Unverified("sslmode=require")),
            (PgSslMode::VerifyCa, _) => Err(DatabaseUrlError::Unverified("sslmode=verify-ca")),
            (PgSslMode::VerifyFull, None) => Err(DatabaseUrlError::NoAuthorities),
            (PgSslMode::VerifyFull, Some(file)) => Ok(Self { tls: PostgresLink::verified(&file)?, options }),
        }
    }
}

/// The file that the URL names. sqlx, which has read it, does not tell.
fn authorities(database_url: &str) -> Option<PathBuf> {
    let url = url::Url::parse(database_url).ok()?;
    let named = url.query_pairs().filter(|(name, _)| AUTHORITIES.contains(&name.as_ref()));
    named.last().map(|(_, file)| file.into_owned().into())
}

/// The URL without what tokio-postgres takes for a mistake.
pub(crate) fn without_tls(database_url: &str) -> String {
    let Some((address, query)) = database_url.split_once('?') else { return database_url.to_owned() };
    let ours = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        !MODE.contains(&name) && !AUTHORITIES.contains(&name)
    };
    let kept: Vec<&str> = query.split('&').filter(ours).collect();
    if kept.is_empty() { address.to_owned() } else { format!("{address}?{}", kept.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_protects_a_link_is_said_or_refused() {
        let authority = testkit::Authority::new();
        let file = authority.certificate().display().to_string();
        let check = |query: &str, expected: &str| {
            let found = match Link::of(&format!("postgres://u:canary@127.0.0.1:1/d{query}")) {
                Ok(link) => format!("{:?}", link.options.get_ssl_mode()),
                Err(error) => error.to_string(),
            };
            assert!(found.contains(expected) && !found.contains("canary"), "{query}: {found}");
        };
        for plain in ["", "?sslmode=disable", "?sslmode=prefer", "?application_name=x"] {
            check(plain, "Disable");
        }
        check(&format!("?sslmode=verify-full&sslrootcert={file}"), "VerifyFull");
        check("?sslmode=verify-full", "needs sslrootcert");
        check("?sslmode=verify-full&sslrootcert=/nowhere.pem", r#""/nowhere.pem" cannot be read"#);
        check("?sslmode=verify-full&sslrootcert=/dev/null", r#""/dev/null" must hold certificates"#);
        check(&format!("?sslrootcert={file}"), "only with sslmode=verify-full");
        check("?sslmode=require", "sslmode=require, which does not check");
        check(&format!("?sslmode=verify-ca&sslrootcert={file}"), "sslmode=verify-ca, which does not check");
        check("?sslmode=verify_full", "not valid");
    }

    #[test]
    fn the_other_driver_gets_all_that_is_not_of_tls() {
        for (url, expected) in [
            ("postgres://h/d", "postgres://h/d"),
            ("postgres://h/d?sslmode=verify-full&sslrootcert=/a%20b", "postgres://h/d"),
            ("postgres://h/d?sslmode=disable&options=-c%20x%3d1&ssl-ca=a", "postgres://h/d?options=-c%20x%3d1"),
        ] {
            assert_eq!(without_tls(url), expected);
        }
    }
}
