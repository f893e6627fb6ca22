//! `pg_dump`: where it is, and how it is called.

use super::query::LOCK_TIMEOUT_SECONDS;
use kinds::postgres_export::SqlDump;
use operation::OperationId;
use runtime::config::Cluster;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// Where Debian keeps its versions side by side.
pub(super) const VERSIONS: &str = "/usr/lib/postgresql";

/// Finds `pg_dump`: the first in `path`, else the newest of Debian's. Debian's own `/usr/bin/pg_dump` is a script that
/// chooses a version by the clusters of *this* machine, so it is passed over.
pub(super) fn find(path: Option<&OsStr>, versions: &Path) -> Option<PathBuf> {
    let in_path = path.into_iter().flat_map(std::env::split_paths).map(|folder| folder.join("pg_dump")).find(|file| {
        file.is_file() && file.canonicalize().is_ok_and(|real| real.file_name() != Some(OsStr::new("pg_wrapper")))
    });
    in_path.or_else(|| {
        let installed = versions.read_dir().ok()?.flatten();
        let mut installed: Vec<(u32, PathBuf)> = installed
            .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin/pg_dump"))))
            .filter(|(_, file)| file.is_file())
            .collect();
        installed.sort();
        installed.pop().map(|(_, file)| file)
    })
}

/// The command. Where to connect to stands in the child's environment, never among its arguments, which all users of
/// the machine can read; and a database's name there is only a name, not a connection string.
pub(super) fn command(
    program: &Path,
    cluster: &Cluster,
    database: &str,
    operation: OperationId,
    arguments: &[String],
) -> Command {
    let mut command = Command::new(program);
    // Nothing of the worker's environment: no PG*, no secrets of buckets, no language of messages.
    command.env_clear();
    for kept in ["PATH", "LD_LIBRARY_PATH"] {
        if let Some(value) = std::env::var_os(kept) {
            command.env(kept, value);
        }
    }
    command
        .env("LC_ALL", "C")
        .env("PGHOST", vec![cluster.host.as_str(); cluster.host_addresses.len().max(1)].join(","))
        .env("PGPORT", cluster.port.to_string())
        .env("PGUSER", &cluster.user)
        .env("PGDATABASE", database)
        .env("PGPASSFILE", "/dev/null")
        .env("PGAPPNAME", format!("safepoint {operation}"))
        .env("PGCONNECT_TIMEOUT", "10")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A Ctrl-C at the worker's terminal is for the worker, which ends its children itself.
        .process_group(0)
        .kill_on_drop(true);
    if !cluster.host_addresses.is_empty() {
        // One for each mention of the host.
        let addresses: Vec<_> = cluster.host_addresses.iter().map(ToString::to_string).collect();
        command.env("PGHOSTADDR", addresses.join(","));
    }
    if let Some(password) = &cluster.password {
        command.env("PGPASSWORD", password.expose());
    }
    // Else it would take whatever TLS the server offers, from whoever answers.
    match cluster.authorities() {
        None => command.env("PGSSLMODE", "disable"),
        Some(file) => command.env("PGSSLMODE", "verify-full").env("PGSSLROOTCERT", file),
    };
    command
}

/// The arguments: what to dump, and so that it restores with `psql` under any role, on any server.
///
/// Owners, grants and tablespaces are names of the old server, whose absence on the new one would break the restore:
/// they are left out, as Google's own exports do. Subscriptions are too, since they hold passwords.
pub(super) fn arguments(dump: &SqlDump, tables: &[(String, String)]) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "--format=plain",
        "--encoding=UTF8",
        "--no-owner",
        "--no-privileges",
        "--no-tablespaces",
        "--no-subscriptions",
        "--no-password",
    ]
    .map(str::to_owned)
    .into();
    arguments.push(format!("--lock-wait-timeout={LOCK_TIMEOUT_SECONDS}s"));
    if dump.schema_only {
        arguments.push("--schema-only".to_owned());
    }
    if dump.clean_target_objects {
        arguments.push("--clean".to_owned());
        if dump.if_exist_target_objects {
            arguments.push("--if-exists".to_owned());
        }
    }
    if !tables.is_empty() {
        arguments.push("--strict-names".to_owned());
        arguments.extend(tables.iter().map(|(schema, name)| format!("--table={}.{}", exactly(schema), exactly(name))));
    }
    arguments
}

/// A name as a pattern that matches nothing else: between double quotes no character is special.
fn exactly(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::config::ClusterTls;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn names_are_quoted_so_that_no_pattern_matches() {
        let tables = [("public".to_owned(), "t*".to_owned()), ("S".to_owned(), "a\"b.c$".to_owned())];
        let arguments = arguments(&SqlDump::default(), &tables);
        assert!(arguments.contains(&"--table=\"public\".\"t*\"".to_owned()), "{arguments:?}");
        assert!(arguments.contains(&"--table=\"S\".\"a\"\"b.c$\"".to_owned()), "{arguments:?}");
        assert!(arguments.contains(&"--strict-names".to_owned()));
    }

    #[test]
    fn flags_are_passed_on() {
        let has = |dump: &SqlDump, flag: &str| arguments(dump, &[]).iter().any(|argument| argument == flag);
        let plain = SqlDump::default();
        for flag in ["--schema-only", "--clean", "--if-exists", "--strict-names"] {
            assert!(!has(&plain, flag), "{flag}");
        }
        let if_exists_alone = SqlDump { if_exist_target_objects: true, ..SqlDump::default() };
        assert!(!has(&if_exists_alone, "--if-exists"));
        let all = SqlDump { schema_only: true, clean_target_objects: true, ..if_exists_alone };
        assert!(has(&all, "--schema-only") && has(&all, "--clean") && has(&all, "--if-exists"));
    }

    #[test]
    fn a_child_is_told_whom_to_trust_and_takes_no_tls_by_itself() {
        let mut cluster = Cluster {
            name: "c".to_owned(),
            host: "db.internal".to_owned(),
            host_addresses: Vec::new(),
            port: 5432,
            tls: ClusterTls::Disable,
            ca_file: None,
            user: "u".to_owned(),
            password_env: None,
            password: None,
        };
        let environment = |cluster: &Cluster| {
            let id = OperationId::from_uuid(uuid::Uuid::nil());
            let command = command(Path::new("pg_dump"), cluster, "d", id, &[]);
            let value = |name: &str| {
                let set = command.as_std().get_envs().find(|(key, _)| *key == name);
                set.and_then(|(_, value)| value.map(|value| value.to_string_lossy().into_owned()))
            };
            (value("PGSSLMODE"), value("PGSSLROOTCERT"))
        };
        assert_eq!(environment(&cluster), (Some("disable".to_owned()), None));
        (cluster.tls, cluster.ca_file) = (ClusterTls::VerifyFull, Some("/ca.pem".into()));
        assert_eq!(environment(&cluster), (Some("verify-full".to_owned()), Some("/ca.pem".to_owned())));
    }

    #[test]
    fn the_newest_version_is_found_where_the_path_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let program = |name: &str| {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, "").unwrap();
            file
        };
        let (_, newest, own) = (program("v/9/bin/pg_dump"), program("v/15/bin/pg_dump"), program("own/pg_dump"));
        let wrapper = program("share/pg_wrapper");
        fs::create_dir_all(folder.path().join("bin")).unwrap();
        symlink(wrapper, folder.path().join("bin/pg_dump")).unwrap();
        fs::create_dir_all(folder.path().join("v/beta")).unwrap();

        let versions = folder.path().join("v");
        let path = |folders: &[&str]| std::env::join_paths(folders.iter().map(|f| folder.path().join(f))).unwrap();
        assert_eq!(find(Some(&path(&["bin", "own"])), &versions), Some(own));
        assert_eq!(find(Some(&path(&["bin", "nowhere"])), &versions), Some(newest.clone()));
        assert_eq!(find(None, &versions), Some(newest));
        assert_eq!(find(None, &folder.path().join("nowhere")), None);
    }
}
