//! Certificates for tests: good ones, expired ones, those of an authority that nobody trusts.
//!
//! Made by the `openssl` command, as `dev/services.sh` makes those of the test servers: one way, and no crate for it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// All that `openssl req` wants to find in a configuration. The machine's own would add extensions of its own.
const CONFIGURATION: &str = "[req]\ndistinguished_name = name\n[name]\n";
const KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/// A certificate authority of one test's own, in a folder that goes with it.
#[derive(Debug)]
pub struct Authority {
    folder: TempDir,
}

/// A certificate and its key, both PEM.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Authority {
    /// A new one, which nobody trusts yet.
    ///
    /// # Panics
    /// Without the `openssl` command.
    pub fn new() -> Self {
        let authority = Self { folder: tempfile::tempdir().expect("a folder") };
        std::fs::write(authority.file("openssl.cnf"), CONFIGURATION).expect("written");
        authority.openssl(
            &["req", "-x509", "-config", "openssl.cnf", "-subj", "/CN=test authority", "-days", "2"],
            &["-addext", "basicConstraints=critical,CA:TRUE", "-keyout", "ca.key", "-out", "ca.pem"],
        );
        authority
    }

    /// What a client trusts it by.
    pub fn certificate(&self) -> PathBuf {
        self.file("ca.pem")
    }

    /// A certificate for these names (`IP:127.0.0.1`, `DNS:localhost`), good from now for a day.
    ///
    /// # Panics
    /// Without the `openssl` command.
    pub fn issue(&self, names: &str) -> Issued {
        self.issue_for(names, 1)
    }

    /// One that was good until yesterday.
    ///
    /// # Panics
    /// Without the `openssl` command.
    pub fn issue_expired(&self, names: &str) -> Issued {
        self.issue_for(names, -1)
    }

    fn issue_for(&self, names: &str, days: i32) -> Issued {
        let number = std::fs::read_dir(self.folder.path()).expect("the folder").count();
        let [request, extensions, certificate, key] =
            ["csr", "ext", "pem", "key"].map(|kind| format!("{number}.{kind}"));
        let extension = format!("basicConstraints=critical,CA:FALSE\nsubjectAltName={names}\n");
        std::fs::write(self.file(&extensions), extension).expect("written");
        self.openssl(
            &["req", "-config", "openssl.cnf", "-subj", "/CN=test server"],
            &["-keyout", &key, "-out", &request],
        );
        let days = days.to_string();
        let sign = ["x509", "-req", "-in", &request, "-CA", "ca.pem", "-CAkey", "ca.key", "-extfile", &extensions];
        self.run(&[&sign[..], &["-days", &days, "-out", &certificate]].concat());
        Issued { certificate: self.file(&certificate), key: self.file(&key) }
    }

    fn openssl(&self, what: &[&str], more: &[&str]) {
        self.run(&[what, &KEY, more].concat());
    }

    fn run(&self, arguments: &[&str]) {
        let mut command = Command::new("openssl");
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        let output = command.output().expect("the openssl command");
        assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Who issued the test servers' certificates, for the name `localhost` alone.
///
/// # Panics
/// Without `TEST_AUTHORITIES`.
pub fn server_authorities() -> PathBuf {
    std::env::var_os("TEST_AUTHORITIES").expect("TEST_AUTHORITIES: run the tests by `make test`").into()
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Issued {
    /// Copies both to where a server reads them from; the certificate first, as tools that renew them do.
    ///
    /// # Panics
    /// They can't be written.
    pub fn install(&self, certificate: &Path, key: &Path) {
        std::fs::copy(&self.certificate, certificate).expect("written");
        std::fs::copy(&self.key, key).expect("written");
    }
}
