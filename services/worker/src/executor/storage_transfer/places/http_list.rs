//! Lists of URLs (`TsvHttpData-1.0`). Whoever names a URL may try to reach by it what only this machine reaches, so each
//! host is judged anew in each attempt, by its addresses, and connected to by the addresses that were judged; redirects are
//! not followed, for nobody judged where they lead.

use super::entry::{Broken, Entry, SourceItem, objection_to_path};
use super::halt::Halt;
use super::miss::Miss;
use crate::executor::guarded::Expected;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use operation::{Code, Failure, ProjectId};
use reqwest::header::ACCEPT_ENCODING;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use runtime::destination::{AllowedDestinations, Destination, DestinationError, resolve, system_dns};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tokio::sync::Mutex;
use url::Url;

/// The first line of a list.
const HEADER: &str = "TsvHttpData-1.0";
/// The longest list: some hundred thousand URLs, which are in memory all at once.
const LONGEST: usize = 16 * 1024 * 1024;
/// A name server answers within seconds or not at all.
const LOOKUP_WITHIN: Duration = Duration::from_secs(10);
/// So does who listens.
const CONNECTED_WITHIN: Duration = Duration::from_secs(10);
/// The longest silence in an answer.
const READ_WITHIN: Duration = Duration::from_mins(1);

/// The objects of a list, by their keys.
#[derive(Debug, Default)]
pub struct HttpSource {
    urls: HashMap<String, Url>,
    clients: Clients,
}

/// Clients of hosts that were judged.
#[derive(Debug, Default)]
struct Clients {
    project: Option<ProjectId>,
    allowed: AllowedDestinations,
    known: Mutex<HashMap<(String, u16), Client>>,
}

/// Fetches a list and reads it.
///
/// # Errors
/// It can't be had, or is none.
pub async fn open(
    url: &str,
    project: &ProjectId,
    allowed: &AllowedDestinations,
    halt: &Halt,
) -> Result<(HttpSource, Vec<SourceItem>), Miss> {
    let clients = Clients { project: Some(project.clone()), allowed: allowed.clone(), known: Mutex::default() };
    let fetched = async {
        let url = parse(url).map_err(|objection| Miss::object(Code::InvalidArgument, objection))?;
        let mut response = clients.get(&url).await?;
        let mut text = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| broke(&error))? {
            if text.len() + chunk.len() > LONGEST {
                return Err(Miss::object(Code::OutOfRange, "it is longer than 16 MiB: transfer in pieces"));
            }
            text.extend_from_slice(&chunk);
        }
        Ok(text)
    };
    let fetched = halt.or_halt(fetched).await?;
    let of_list = |miss| match miss {
        Miss::Object(Code::Unavailable, details) => {
            Miss::All(Failure::passing(format!("The list of URLs: {details}.")))
        }
        Miss::Object(code, details) => Miss::All(Failure::fatal(code, format!("The list of URLs: {details}."))),
        miss @ (Miss::All(_) | Miss::Halted) => miss,
    };
    let text = fetched.map_err(of_list)?;
    let (urls, items) = read(&text).map_err(|message| Miss::All(Failure::fatal(Code::InvalidArgument, message)))?;
    Ok((HttpSource { urls, clients }, items))
}

impl HttpSource {
    /// The answer of an object's host.
    ///
    /// # Errors
    /// [`Miss`], always of this object alone: others have other hosts.
    pub async fn get(&self, entry: &Entry) -> Result<Response, Miss> {
        let url = self.urls.get(&entry.key).ok_or_else(|| Miss::object(Code::Internal, "it is not in the list"))?;
        let response = self.clients.get(url).await?;
        match response.content_length() {
            Some(length) if length != entry.size => Err(Miss::object(
                Code::FailedPrecondition,
                format!("it has {length} bytes, and by the list {}", entry.size),
            )),
            _ => Ok(response),
        }
    }
}

/// A connection broke.
pub fn broke(error: &reqwest::Error) -> Miss {
    tracing::warn!(error = %error.to_string(), "an answer of a host of a list broke off");
    Miss::object(Code::Unavailable, "the connection to its host broke")
}

impl Clients {
    async fn get(&self, url: &Url) -> Result<Response, Miss> {
        let client = self.client(url).await?;
        let request = client.get(url.clone()).header(ACCEPT_ENCODING, "identity");
        let response = request.send().await.map_err(|error| {
            tracing::warn!(%error, "a host of a list could not be reached");
            Miss::object(Code::Unavailable, "its host could not be reached")
        })?;
        let status = response.status().as_u16();
        let code = match status {
            200 => return Ok(response),
            401 | 403 => Code::PermissionDenied,
            404 | 410 => Code::NotFound,
            429 | 500..=599 => Code::Unavailable,
            _ => Code::FailedPrecondition,
        };
        let redirected = if (300..400).contains(&status) { ": redirects are not followed" } else { "" };
        Err(Miss::object(code, format!("its host answered with {status}{redirected}")))
    }

    /// The client of a host, judged once in this attempt.
    async fn client(&self, url: &Url) -> Result<Client, Miss> {
        let (Some(host), Some(port), Some(project)) = (url.host_str(), url.port_or_known_default(), &self.project)
        else {
            return Err(Miss::object(Code::InvalidArgument, "its URL has no host"));
        };
        let mut known = self.known.lock().await;
        if let Some(client) = known.get(&(host.to_owned(), port)) {
            return Ok(client.clone());
        }
        let destination = Destination::new(host, i64::from(port)).map_err(|error| refused(&error))?;
        let found = resolve(&destination, project, &self.allowed, LOOKUP_WITHIN, system_dns);
        let found = found.await.map_err(|error| refused(&error))?;
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECTED_WITHIN)
            .read_timeout(READ_WITHIN)
            .resolve_to_addrs(host, found.addresses())
            .build()
            .map_err(|error| {
                tracing::error!(%error, "an HTTP client could not be made");
                Miss::object(Code::Internal, "no HTTP client could be made")
            })?;
        known.insert((host.to_owned(), port), client.clone());
        Ok(client)
    }
}

fn refused(error: &DestinationError) -> Miss {
    tracing::warn!(reason = error.reason(), "a host of a list is not reached");
    if error.is_retryable() {
        return Miss::object(Code::Unavailable, "its host cannot be found");
    }
    Miss::object(Code::PermissionDenied, "its host may not be reached from this project")
}

fn parse(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "it is no URL")?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("it is no URL of http or https");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("its URL has a user or a password");
    }
    Ok(url)
}

type Read = (HashMap<String, Url>, Vec<SourceItem>);

/// The URLs of a list by their keys, and the same as a sorted listing. A line that is none spoils the list.
fn read(text: &[u8]) -> Result<Read, String> {
    let text = std::str::from_utf8(text).map_err(|_| "The list of URLs is not UTF-8.".to_owned())?;
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    if lines.next().map(|(_, line)| line.trim_end()) != Some(HEADER) {
        return Err(format!("The list of URLs does not begin with the line {HEADER}."));
    }
    let mut urls = HashMap::new();
    let mut items = BTreeMap::new();
    for (number, line) in lines {
        let (url, entry) =
            line_of(line).map_err(|problem| format!("Line {} of the list of URLs: {problem}.", number + 1))?;
        let key = entry.key.clone();
        let item = match objection_to_path(&key) {
            Some(objection) => broken(&key, objection),
            None if urls.contains_key(&key) => broken(&key, "two URLs of the list have the same host and path"),
            None => SourceItem::Object(entry),
        };
        urls.insert(key.clone(), url);
        items.insert(key, item);
    }
    Ok((urls, items.into_values().collect()))
}

fn line_of(line: &str) -> Result<(Url, Entry), &'static str> {
    let mut fields = line.trim_end().split('\t');
    let url = parse(fields.next().unwrap_or_default())?;
    let size = fields.next().and_then(|length| length.parse().ok()).ok_or("there is no length after the URL")?;
    let md5 = match fields.next() {
        None | Some("") => None,
        Some(text) => {
            let bytes = STANDARD.decode(text).ok().and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
            Some(bytes.ok_or("the third field is no MD5 in base64")?)
        }
    };
    if fields.next().is_some() {
        return Err("there are more than three fields");
    }
    let key = format!("{}{}", url.host_str().unwrap_or_default(), url.path());
    Ok((url, Entry { key, size, modified: None, tag: None, md5, mode: None, over: Expected::Absent }))
}

fn broken(key: &str, details: &str) -> SourceItem {
    let (key, details) = (key.to_owned(), details.to_owned());
    SourceItem::Broken(Broken { key, code: Code::InvalidArgument, details, nameless: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_and_sorted_by_what_its_objects_will_be_called() {
        let list =
            "TsvHttpData-1.0\nhttps://b.test/x/y.txt\t7\t1B2M2Y8AsgTpgAmY7PhCfg==\r\nhttp://a.test:8080/z?q=1\t0\n\n";
        let (urls, items) = read(list.as_bytes()).unwrap();
        let keys: Vec<_> = items.iter().map(SourceItem::key).collect();
        assert_eq!(keys, ["a.test/z", "b.test/x/y.txt"]);
        assert_eq!(urls["a.test/z"].as_str(), "http://a.test:8080/z?q=1");
        let SourceItem::Object(entry) = &items[1] else { panic!("{items:?}") };
        assert_eq!((entry.size, entry.md5.unwrap()[0]), (7, 0xd4));
    }

    #[test]
    fn urls_that_make_no_name_are_told() {
        let (_, items) = read(b"TsvHttpData-1.0\nhttp://a/d/\t1\nhttp://a/x\t1\nhttp://a/x?2\t1\n").unwrap();
        assert!(items.iter().all(|item| matches!(item, SourceItem::Broken(_))), "{items:?}");
    }

    #[test]
    fn a_line_that_is_none_spoils_the_list() {
        for (list, told) in [
            ("", "does not begin"),
            ("http://a/b\t1\n", "does not begin"),
            ("TsvHttpData-1.0\nftp://a/b\t1", "Line 2 of the list of URLs: it is no URL of http or https."),
            ("TsvHttpData-1.0\nhttp://u:p@a/b\t1", "has a user or a password"),
            ("TsvHttpData-1.0\nhttp://a/b", "no length"),
            ("TsvHttpData-1.0\nhttp://a/b\t-1", "no length"),
            ("TsvHttpData-1.0\nhttp://a/b\t1\tQUJD", "no MD5"),
            ("TsvHttpData-1.0\nhttp://a/b\t1\t\tx", "more than three"),
        ] {
            let error = read(list.as_bytes()).unwrap_err();
            assert!(error.contains(told), "{list:?}: {error}");
        }
    }
}
