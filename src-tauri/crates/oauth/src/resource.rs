//! The resource a token is for (RFC 8707): the MCP endpoint at one audience.
//!
//! Clients repeat the address from our metadata, but some change its case, add the default port,
//! a query or a slash; those differences do not count. Any other address is refused, so that a
//! token asked for somebody else's server is never minted here.

use url::{Host, Url};

use crate::{Audience, RequestOrigin};

/// Where the MCP endpoint stands on every origin.
pub const MCP_PATH: &str = "/mcp";
/// The longest `resource` that is read, in bytes.
const MAX_LENGTH: usize = 2048;

/// The MCP endpoint at one audience, as it is stored with codes and tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resource(String);

impl Resource {
    /// The MCP endpoint of an audience.
    #[must_use]
    pub(crate) fn of(audience: &Audience) -> Self {
        Self(format!("{audience}{MCP_PATH}"))
    }

    /// As it is stored.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads what was stored.
    #[must_use]
    pub(crate) fn from_stored(text: String) -> Self {
        Self(text)
    }
}

/// `invalid_target`: a `resource` that is not ours (RFC 8707 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the resource is not this server's; use the address in its protected resource metadata, or \
     leave resource out"
)]
pub(crate) struct InvalidTarget;

/// The `resource` value we publish at an origin.
#[must_use]
pub(crate) fn canonical(origin: &RequestOrigin) -> String {
    format!("{}{MCP_PATH}", origin.base)
}

/// Checks the `resource` values of a request. Several are fine while each is ours; none means
/// our own (clients of 2025-03-26 and the conformance suite send none).
pub(crate) fn check<'a>(
    requested: impl IntoIterator<Item = &'a str>,
    origin: &RequestOrigin,
) -> Result<Resource, InvalidTarget> {
    for resource in requested {
        if !is_ours(resource, origin) {
            return Err(InvalidTarget);
        }
    }
    Ok(Resource::of(&origin.audience))
}

fn is_ours(requested: &str, origin: &RequestOrigin) -> bool {
    if requested.len() > MAX_LENGTH {
        return false;
    }
    // The parser brings scheme and host to lower case and takes the default port away.
    let (Ok(requested), Ok(base)) = (Url::parse(requested), Url::parse(&origin.base)) else {
        return false;
    };
    requested.fragment().is_none()
        && requested.username().is_empty()
        && requested.password().is_none()
        && requested.scheme() == base.scheme()
        && requested.port_or_known_default() == base.port_or_known_default()
        && same_host(&requested, &base, &origin.audience)
        && requested
            .path()
            .strip_suffix('/')
            .unwrap_or(requested.path())
            == MCP_PATH
}

fn same_host(requested: &Url, base: &Url, audience: &Audience) -> bool {
    match audience {
        Audience::Loopback => is_loopback_name(requested) && is_loopback_name(base),
        Audience::Public(_) => requested.host() == base.host(),
    }
}

fn is_loopback_name(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address == std::net::Ipv4Addr::LOCALHOST,
        Some(Host::Ipv6(address)) => address == std::net::Ipv6Addr::LOCALHOST,
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn public() -> RequestOrigin {
        RequestOrigin {
            audience: Audience::Public("https://bridge.example".into()),
            base: "https://bridge.example".into(),
        }
    }

    fn loopback() -> RequestOrigin {
        RequestOrigin {
            audience: Audience::Loopback,
            base: "http://127.0.0.1:8787".into(),
        }
    }

    #[test]
    fn differences_that_do_not_count() {
        for resource in [
            "https://bridge.example/mcp",
            "HTTPS://Bridge.EXAMPLE/mcp",
            "https://bridge.example:443/mcp",
            "https://bridge.example/mcp/",
            "https://bridge.example/mcp?kb_name=notes",
        ] {
            assert_eq!(
                check([resource], &public()),
                Ok(Resource::of(&public().audience))
            );
        }
        for resource in [
            "http://127.0.0.1:8787/mcp",
            "http://localhost:8787/mcp",
            "http://[::1]:8787/mcp/",
        ] {
            assert_eq!(
                check([resource], &loopback()),
                Ok(Resource::of(&Audience::Loopback))
            );
        }
    }

    #[test]
    fn differences_that_do() {
        for resource in [
            "https://bridge.example/mcp#x",
            "https://bridge.example/MCP",
            "https://bridge.example/",
            "https://bridge.example/mcp/other",
            "https://bridge.example//mcp",
            "https://bridge.example:8443/mcp",
            "http://bridge.example/mcp",
            "https://bridge.example.evil.example/mcp",
            "https://someone@bridge.example/mcp",
            "https://evil.example/mcp",
            "http://127.0.0.1:8787/mcp",
            "/mcp",
            "mcp",
            "",
        ] {
            assert_eq!(
                check([resource], &public()),
                Err(InvalidTarget),
                "{resource}"
            );
        }
        for resource in ["http://127.0.0.1:8788/mcp", "http://127.0.0.2:8787/mcp"] {
            assert_eq!(
                check([resource], &loopback()),
                Err(InvalidTarget),
                "{resource}"
            );
        }
    }

    #[test]
    fn none_means_ours_and_one_foreign_among_several_is_refused() {
        assert_eq!(check([], &public()), Ok(Resource::of(&public().audience)));
        let two = ["https://bridge.example/mcp", "https://evil.example/mcp"];
        assert_eq!(check(two, &public()), Err(InvalidTarget));
    }

    proptest! {
        #[test]
        fn what_we_publish_is_always_ours(host in "[a-z][a-z0-9-]{0,20}[a-z0-9]\\.example",
            port in prop::option::of(1_u16..)) {
            let base = match port {
                Some(port) => format!("https://{host}:{port}"),
                None => format!("https://{host}"),
            };
            let origin = RequestOrigin { audience: Audience::Public(base.clone()), base };
            prop_assert!(check([canonical(&origin).as_str()], &origin).is_ok());
        }

        #[test]
        fn another_host_is_never_ours(host in "[a-z][a-z0-9-]{0,20}\\.[a-z]{2,8}") {
            prop_assume!(host != "bridge.example");
            let resource = format!("https://{host}/mcp");
            prop_assert!(check([resource.as_str()], &public()).is_err());
        }

        #[test]
        fn nothing_makes_it_panic(text in "\\PC*") {
            let _ = check([text.as_str()], &public());
        }
    }
}
