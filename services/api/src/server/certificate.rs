//! The listener's certificate: read at the start, and again whenever its files change.

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often the files are looked at.
pub const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Where the certificate lies.
#[derive(Debug, Clone)]
pub struct CertificateFiles {
    /// The certificate, followed by those between it and its authority (PEM).
    pub certificate: PathBuf,
    /// Its key (PEM, not encrypted).
    pub key: PathBuf,
}

/// Why a certificate can't be served.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file can't be read.
    #[error("{path:?} cannot be read")]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is not what it should be. The parser's own words are left out: they quote the file.
    #[error("{path:?} holds no {what} in PEM: {wrong}")]
    Pem {
        /// Which one.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What is wrong.
        wrong: &'static str,
    },
    /// Each file is well-formed, but they do not go together, or not with us.
    #[error("the key {key:?} does not serve for the certificate {certificate:?}")]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why not.
        #[source]
        source: rustls::Error,
    },
}

/// A certificate that is served to whoever connects. Connections that stand keep the one they began with.
#[derive(Debug)]
pub struct Certificate {
    files: CertificateFiles,
    served: RwLock<Arc<CertifiedKey>>,
    provider: Arc<CryptoProvider>,
}

/// What stood in the files.
#[derive(Debug, PartialEq, Eq)]
struct Content {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// What one look at the files found: their content, or why there is none.
type Look = Result<Content, String>;

impl Certificate {
    /// Reads the files, and looks at them every `look_every` until `shutdown`.
    ///
    /// # Errors
    /// [`CertificateError`] names the file. Only here: of a pair that is broken later, the log tells.
    pub fn follow(
        files: CertificateFiles,
        look_every: Duration,
        shutdown: CancellationToken,
    ) -> Result<Arc<Self>, CertificateError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let content = Content::read(&files)?;
        let served = RwLock::new(Arc::new(content.pair(&files, &provider)?));
        let certificate = Arc::new(Self { files, served, provider });
        tokio::spawn(certificate.clone().look(Ok(content), look_every, shutdown));
        Ok(certificate)
    }

    /// How the listener speaks TLS: 1.2 and 1.3. Which protocol is spoken within, actix adds.
    ///
    /// # Errors
    /// The cryptography knows none of the versions.
    pub fn server(self: Arc<Self>) -> Result<ServerConfig, rustls::Error> {
        let versions = ServerConfig::builder_with_provider(self.provider.clone()).with_safe_default_protocol_versions();
        Ok(versions?.with_no_client_auth().with_cert_resolver(self))
    }

    async fn look(self: Arc<Self>, mut seen: Look, look_every: Duration, shutdown: CancellationToken) {
        let mut tick = tokio::time::interval(look_every);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = shutdown.cancelled() => return,
            }
            let this = self.clone();
            // It panics in no case; and then the old certificate stays.
            let Ok(looked) = tokio::task::spawn_blocking(move || this.again(&seen)).await else { return };
            seen = looked;
        }
    }

    /// Serves what the files hold now, if that has changed and is whole; what is wrong is told once. Contents are compared
    /// and not times: what mounts secrets changes links, not files.
    fn again(&self, seen: &Look) -> Look {
        let look = Content::read(&self.files).map_err(|error| reason(&error));
        if look == *seen {
            return look;
        }
        let pair = look.as_ref().map_err(Clone::clone).and_then(|content| {
            let pair = content.pair(&self.files, &self.provider);
            pair.map_err(|error| reason(&error))
        });
        match pair {
            Ok(pair) => {
                *self.served.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair);
                tracing::info!(file = ?self.files.certificate, "the certificate has changed: new connections get the new one");
            }
            Err(reason) => tracing::warn!(reason, "the certificate has changed and is broken: the old one is kept on"),
        }
        look
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.served.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Content {
    fn read(files: &CertificateFiles) -> Result<Self, CertificateError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|source| CertificateError::Read { path: path.to_owned(), source })
        };
        Ok(Self { certificate: read(&files.certificate)?, key: read(&files.key)? })
    }

    /// The certificate with its key, if the one is the other's.
    fn pair(&self, files: &CertificateFiles, provider: &CryptoProvider) -> Result<CertifiedKey, CertificateError> {
        let wrong = |path: &Path, what| {
            let path = path.to_owned();
            move |error| {
                let wrong = if matches!(error, PemError::NoItemsFound) { "there is none" } else { "it is damaged" };
                CertificateError::Pem { path, what, wrong }
            }
        };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain = chain
            .and_then(|chain| if chain.is_empty() { Err(PemError::NoItemsFound) } else { Ok(chain) })
            .map_err(wrong(&files.certificate, "certificate"))?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(wrong(&files.key, "unencrypted private key"))?;
        CertifiedKey::from_der(chain, key, provider).map_err(|source| CertificateError::Pair {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
            source,
        })
    }
}

/// An error with its causes, on one line.
fn reason(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use testkit::{Authority, Issued};

    /// Files that can be overwritten, with a good pair in them.
    fn installed(issued: &Issued) -> (tempfile::TempDir, CertificateFiles) {
        let folder = tempfile::tempdir().expect("a folder");
        let files = CertificateFiles { certificate: folder.path().join("c.pem"), key: folder.path().join("k.pem") };
        issued.install(&files.certificate, &files.key);
        (folder, files)
    }

    /// Broken content of the first file or the second, and what the error says of it.
    fn broken(issued: &Issued, other: &Issued) -> Vec<(&'static str, Vec<u8>, &'static str)> {
        let (certificate, key) = (fs::read(&issued.certificate).expect("read"), fs::read(&issued.key).expect("read"));
        vec![
            ("c.pem", Vec::new(), r#"c.pem" holds no certificate in PEM: there is none"#),
            (
                "c.pem",
                certificate[..certificate.len() - 40].to_vec(),
                r#"c.pem" holds no certificate in PEM: it is damaged"#,
            ),
            ("c.pem", key.clone(), r#"c.pem" holds no certificate in PEM: there is none"#),
            ("k.pem", key[..40].to_vec(), r#"k.pem" holds no unencrypted private key in PEM: it is damaged"#),
            ("k.pem", certificate, r#"k.pem" holds no unencrypted private key in PEM: there is none"#),
            ("k.pem", fs::read(&other.key).expect("read"), r#"k.pem" does not serve for the certificate "/"#),
        ]
    }

    #[tokio::test]
    async fn a_pair_that_is_broken_is_refused_at_the_start_by_name() {
        let authority = Authority::new();
        let (issued, other) = (authority.issue("IP:127.0.0.1"), authority.issue("IP:127.0.0.1"));
        let start = |files: CertificateFiles| Certificate::follow(files, LOOK_EVERY, CancellationToken::new());
        for (file, content, says) in broken(&issued, &other) {
            let (folder, files) = installed(&issued);
            fs::write(folder.path().join(file), content).expect("written");
            let said = reason(&start(files).expect_err(says));
            assert!(said.contains(says), "{said}, not {says}");
        }
        let (folder, files) = installed(&issued);
        fs::remove_file(folder.path().join("k.pem")).expect("removed");
        let said = reason(&start(files).expect_err("no key"));
        assert!(said.contains(r#"k.pem" cannot be read: No such file"#), "{said}");
    }

    #[tokio::test]
    async fn a_pair_that_breaks_later_changes_nothing_and_one_that_is_whole_is_served() {
        let authority = Authority::new();
        let (issued, other) = (authority.issue("IP:127.0.0.1"), authority.issue("IP:127.0.0.1"));
        let (folder, files) = installed(&issued);
        let certificate = Certificate::follow(files.clone(), LOOK_EVERY, CancellationToken::new()).expect("a pair");
        let served = || certificate.served.read().expect("readable").clone();
        let first = served();
        let mut seen = certificate.again(&Ok(Content::read(&files).expect("read")));
        assert!(Arc::ptr_eq(&first, &served()), "nothing has changed");
        for (file, content, _) in broken(&issued, &other) {
            fs::write(folder.path().join(file), content).expect("written");
            seen = certificate.again(&seen);
            assert!(Arc::ptr_eq(&first, &served()), "{file} is broken");
            issued.install(&files.certificate, &files.key);
        }
        fs::remove_file(&files.certificate).expect("removed");
        seen = certificate.again(&seen);
        assert!(seen.is_err() && Arc::ptr_eq(&first, &served()), "a file is gone");
        // As a tool that renews them writes one after the other.
        fs::copy(&other.certificate, &files.certificate).expect("written");
        seen = certificate.again(&seen);
        assert!(Arc::ptr_eq(&first, &served()), "half of the new pair");
        fs::copy(&other.key, &files.key).expect("written");
        certificate.again(&seen).expect("both are there");
        assert_ne!(served().cert, first.cert, "the new pair");
    }
}
