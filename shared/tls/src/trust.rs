//! Authorities out of a file.

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use rustls_platform_verifier::BuilderVerifierExt;
use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why nobody can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file can't be read.
    #[error("the file of trusted authorities {path:?} cannot be read")]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is no certificate in it, or one that is broken.
    #[error("the file of trusted authorities {path:?} must hold certificates in PEM")]
    NoCertificates {
        /// Which one.
        path: PathBuf,
    },
    /// The cryptography does not fit.
    #[error("TLS cannot be spoken")]
    Tls(#[from] rustls::Error),
}

/// A client by TLS 1.2 or 1.3 that trusts the authorities in this file (PEM) and no others.
///
/// # Errors
/// [`TrustError`].
pub fn trusting(authorities: &Path) -> Result<ClientConfig, TrustError> {
    let path = || authorities.to_owned();
    let pem = std::fs::read(authorities).map_err(|source| TrustError::Read { path: path(), source })?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let added = certificate.ok().and_then(|certificate| roots.add(certificate).ok());
        added.ok_or_else(|| TrustError::NoCertificates { path: path() })?;
    }
    if roots.is_empty() {
        return Err(TrustError::NoCertificates { path: path() });
    }
    Ok(client()?.with_root_certificates(roots).with_no_client_auth())
}

/// A client by TLS 1.2 or 1.3 that trusts the authorities that this machine trusts.
///
/// # Errors
/// [`TrustError`].
pub fn trusting_the_machines() -> Result<ClientConfig, TrustError> {
    Ok(client()?.with_platform_verifier()?.with_no_client_auth())
}

fn client() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    // Named, and not the process's default, which nobody here sets.
    let provider = Arc::new(aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
}

/// Why one side did not like the other, if that is at the bottom of a driver's error, whose own words do not tell.
pub fn refusal<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    std::iter::successors(Some(error), |&error| error.source()).find_map(|error| {
        // An I/O error hides what it was made of from `source`.
        let within = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        error.downcast_ref().or_else(|| within.and_then(|within| within.downcast_ref()))
    })
}
