//! Who may call, as an operator configures it.

use crate::scope::Scope;
use operation::ProjectId;
use serde::Deserialize;
use std::path::PathBuf;
use url::{Host, Url};

/// A static bearer token: only its hash is known to us.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Who it is; recorded as the requester.
    pub name: String,
    /// SHA-256 of the token, in hexadecimal.
    pub sha256: String,
    /// The projects it may act in.
    pub projects: Vec<ProjectId>,
    /// What it may do there.
    pub scopes: Vec<Scope>,
}

/// Who signs tokens that are accepted: JWTs (RFC 7519) with the claims `iss`, `aud`, `exp`, `sub`, and `scope` (RFC 9068).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// What it is called here: stands before the subject where the requester is named.
    pub name: String,
    /// The claim `iss` of its tokens, letter by letter.
    pub issuer: String,
    /// One of these must be in the claim `aud`.
    pub audiences: Vec<String>,
    /// Where its keys are (RFC 7517), `https` but for this machine; or `jwks_file`.
    #[serde(default)]
    pub jwks_url: Option<Url>,
    /// The file that holds its keys.
    #[serde(default)]
    pub jwks_file: Option<PathBuf>,
    /// The claim that lists the projects its bearer may act in.
    #[serde(default = "projects_claim")]
    pub projects_claim: String,
}

/// An issuer whose tokens could not be told from others', or whose keys nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the issuer {name:?} {problem}")]
pub struct InvalidIssuer {
    name: String,
    problem: &'static str,
}

impl Issuer {
    /// Whether this issuer, one of `all`, can be trusted with what is said of it.
    ///
    /// # Errors
    /// [`InvalidIssuer`].
    pub fn check(&self, all: &[Self]) -> Result<(), InvalidIssuer> {
        let same = |other: &&Self| other.issuer == self.issuer || other.name == self.name;
        let problem = if self.name == OPERATOR {
            "is called operator, as those are who give commands on machines of ours"
        } else if !is_name(&self.name) {
            "has no name that could stand before a colon: it is empty, holds a colon, or what can't be shown"
        } else if all.iter().filter(same).count() > 1 {
            "stands twice, by its name or its issuer"
        } else if self.audiences.is_empty() {
            "has no audiences: tokens for other services would be taken"
        } else {
            match (&self.jwks_url, &self.jwks_file) {
                (Some(url), None) if url.scheme() == "https" || is_this_machine(url) => return Ok(()),
                (Some(_), None) => "has a jwks_url that is not https",
                (None, Some(_)) => return Ok(()),
                (Some(_), Some(_)) | (None, None) => "needs jwks_url or jwks_file, one of them",
            }
        };
        Err(InvalidIssuer { name: self.name.clone(), problem })
    }
}

/// Stands before the name of who gives a command on a machine of ours, as an issuer's name before its subject.
pub const OPERATOR: &str = "operator";

fn is_this_machine(url: &Url) -> bool {
    url.scheme() == "http"
        && match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        }
}

/// Whether a caller may be called so. Subjects of issuers are `issuer:subject`: nobody else's name looks like that.
pub fn is_name(name: &str) -> bool {
    (1..=100).contains(&name.len()) && !name.contains(|c: char| c == ':' || c.is_control())
}

fn projects_claim() -> String {
    "projects".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer(name: &str, rest: &str) -> Issuer {
        let text = format!("name = \"{name}\"\nissuer = \"https://{name}.test\"\naudiences = [\"us\"]\n{rest}");
        toml::from_str(&text).expect(rest)
    }

    #[test]
    fn keys_come_from_one_place_that_nobody_else_can_be() {
        let check = |rest: &str, problem: Option<&str>| {
            let issuer = issuer("corp", rest);
            let found = issuer.check(std::slice::from_ref(&issuer));
            assert_eq!(found.err().map(|error| error.problem), problem, "{rest}");
        };
        check("jwks_url = \"https://corp.test/keys\"", None);
        check("jwks_file = \"/keys.json\"", None);
        for here in ["127.0.0.1:1", "[::1]:1", "localhost:1"] {
            check(&format!("jwks_url = \"http://{here}/keys\""), None);
        }
        for url in ["http://corp.test/keys", "http://localhost.corp.test/", "http://10.0.0.1/", "file:///keys.json"] {
            check(&format!("jwks_url = \"{url}\""), Some("has a jwks_url that is not https"));
        }
        let one = Some("needs jwks_url or jwks_file, one of them");
        check("", one);
        check("jwks_file = \"/keys.json\"\njwks_url = \"https://corp.test/keys\"", one);
    }

    #[test]
    fn an_issuer_is_one_and_its_tokens_are_for_us() {
        let corp = issuer("corp", "jwks_file = \"/keys.json\"");
        let renamed = Issuer { name: "other".to_owned(), ..corp.clone() };
        let moved = Issuer { issuer: "https://other.test".to_owned(), ..corp.clone() };
        for twice in [[corp.clone(), renamed], [corp.clone(), moved]] {
            assert_eq!(corp.check(&twice).unwrap_err().problem, "stands twice, by its name or its issuer");
        }
        let all = Issuer { audiences: Vec::new(), ..corp };
        assert!(all.check(std::slice::from_ref(&all)).unwrap_err().problem.starts_with("has no audiences"));
    }

    #[test]
    fn nobodys_name_looks_like_that_of_an_issuers_subject() {
        for (name, expected) in
            [("ci", true), ("corp:alice", false), ("", false), ("a\nb", false), (&*"x".repeat(101), false)]
        {
            assert_eq!(is_name(name), expected, "{name:?}");
        }
        let odd = Issuer { name: "corp:x".to_owned(), ..issuer("corp", "jwks_file = \"/keys.json\"") };
        assert!(odd.check(std::slice::from_ref(&odd)).unwrap_err().problem.starts_with("has no name"));
        let ours = Issuer { name: OPERATOR.to_owned(), ..odd };
        assert!(ours.check(std::slice::from_ref(&ours)).unwrap_err().problem.starts_with("is called operator"));
    }

    #[test]
    fn a_token_says_what_it_may_do() {
        let token = |scopes: &str| {
            toml::from_str::<Token>(&format!("name = \"ci\"\nsha256 = \"\"\nprojects = [\"p\"]\n{scopes}"))
        };
        assert_eq!(token("scopes = [\"operations.read\"]").unwrap().scopes, [Scope::Read]);
        assert!(token("").unwrap_err().message().contains("scopes"));
        assert!(token("scopes = [\"operations\"]").unwrap_err().message().contains("\"operations\" is not one of"));
    }
}
