//! A browser without script: a cookie jar by host (cookies know no port), redirects by hand.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use url::Url;

use super::http::own_address;
use super::{Answer, Network, Sending};

/// One browser profile on one computer.
pub(crate) struct Browser {
    network: Network,
    address: Ipv4Addr,
    /// By host: name and value, `Secure` or not.
    cookies: BTreeMap<String, BTreeMap<String, (String, bool)>>,
}

impl Browser {
    pub(crate) fn new(network: Network) -> Self {
        Self {
            network,
            address: own_address(),
            cookies: BTreeMap::new(),
        }
    }

    /// Opens a URL as a person who typed it or clicked a link; follows nothing.
    pub(crate) async fn open(&mut self, url: &str) -> Answer {
        self.send(Sending::get(url)).await
    }

    /// Types a code into the form of a page and sends it.
    pub(crate) async fn type_code(&mut self, page: &Answer, code: &str) -> Answer {
        // What a browser sends for a page whose referrer policy is no-referrer.
        let sending = page_form(page, code).header("origin", "null");
        self.send(sending.header("sec-fetch-site", "same-origin"))
            .await
    }

    /// Sends it with the headers of a navigation and this browser's cookies.
    pub(crate) async fn send(&mut self, sending: Sending) -> Answer {
        let url = sending.url.clone();
        let host = url.host_str().unwrap_or_default().to_owned();
        let safe = url.scheme() == "https";
        let mut sending = sending.from(self.address);
        for (name, value) in [
            ("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"),
            ("sec-fetch-dest", "document"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-user", "?1"),
            ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) Harness/1.0"),
        ] {
            if !sending.headers.contains_key(name) {
                sending = sending.header(name, value);
            }
        }
        if let Some(jar) = self.cookies.get(&host) {
            let cookies: Vec<_> = jar
                .iter()
                .filter(|(_, (_, secure))| safe || !secure)
                .map(|(name, (value, _))| format!("{name}={value}"))
                .collect();
            if !cookies.is_empty() {
                sending = sending.header("cookie", &cookies.join("; "));
            }
        }
        let answer = self.network.send(sending).await;
        for cookie in answer.headers.get_all("set-cookie") {
            self.keep(&url, cookie.to_str().unwrap());
        }
        answer
    }

    /// Opens `url` and follows redirects as long as they stay with Drawbridge; the last answer.
    pub(crate) async fn walk(&mut self, url: &str, ends_at: impl Fn(&Url) -> bool) -> Answer {
        let mut answer = self.open(url).await;
        for _ in 0..8 {
            match answer.location() {
                Some(target) if !ends_at(&target) => answer = self.open(target.as_str()).await,
                _ => return answer,
            }
        }
        panic!("redirects without end at {}", answer.url);
    }

    /// Keeps one `Set-Cookie`, after checking what each of ours must be.
    fn keep(&mut self, url: &Url, cookie: &str) {
        let mut parts = cookie.split(';').map(str::trim);
        let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).unwrap();
        let attributes: Vec<String> = parts.map(str::to_lowercase).collect();
        let has = |attribute: &str| attributes.iter().any(|one| one == attribute);
        assert!(
            has("httponly") && has("samesite=lax") && has("path=/"),
            "{cookie}"
        );
        assert!(
            !attributes.iter().any(|one| one.starts_with("domain")),
            "{cookie}"
        );
        if url.scheme() == "https" {
            assert!(name.starts_with("__Host-") && has("secure"), "{cookie}");
        } else {
            assert!(!name.starts_with("__Host-"), "{cookie}");
        }
        self.network.canary.secret(value);
        let host = url.host_str().unwrap_or_default().to_owned();
        let jar = self.cookies.entry(host).or_default();
        if has("max-age=0") || value.is_empty() {
            jar.remove(name);
        } else {
            jar.insert(name.to_owned(), (value.to_owned(), has("secure")));
        }
    }

    /// Does it hold any cookie for that host?
    pub(crate) fn has_cookie(&self, host: &str) -> bool {
        self.cookies.get(host).is_some_and(|jar| !jar.is_empty())
    }
}

/// Every `href` and `action` in a page, as absolute URLs.
pub(crate) fn links(page: &Answer) -> Vec<Url> {
    let mut found = Vec::new();
    for attribute in ["href=\"", "action=\""] {
        for (start, _) in page.body.match_indices(attribute) {
            let rest = &page.body[start + attribute.len()..];
            let Some(end) = rest.find('"') else { continue };
            let text = rest[..end]
                .replace("&amp;", "&")
                .replace("&#38;", "&")
                .replace("&#x2f;", "/");
            if let Ok(url) = page.url.join(&text) {
                found.push(url);
            }
        }
    }
    found
}

/// The form of a page with a code typed in, and no header that says where it comes from.
pub(crate) fn page_form(page: &Answer, code: &str) -> Sending {
    let (action, hidden) = form_of(page);
    let mut fields: Vec<_> = hidden
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    fields.push(("code", code));
    Sending::post(action.as_str()).form(&fields)
}

/// The one form of a page: where it goes, and its hidden fields.
fn form_of(page: &Answer) -> (Url, Vec<(String, String)>) {
    let start = page
        .body
        .find("<form")
        .unwrap_or_else(|| panic!("no form: {page:#?}"));
    let form = &page.body[start..];
    let form = &form[..form.find("</form>").unwrap()];
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        Some(rest[..rest.find('"')?].replace("&amp;", "&"))
    };
    let opening = &form[..form.find('>').unwrap()];
    let action = attribute(opening, "action").unwrap_or_default();
    let hidden = form
        .split("<input")
        .skip(1)
        .map(|tag| &tag[..tag.find('>').unwrap()])
        .filter(|tag| tag.contains("type=\"hidden\""))
        .filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value")?)))
        .collect();
    (page.url.join(&action).unwrap(), hidden)
}
