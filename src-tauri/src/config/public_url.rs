//! The public address, as `BASE_URL` names it.

use url::{Host, Url};

use super::ConfigError;

/// A public address clients may be given: `https`, a host, perhaps a port, nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    authority: String,
    explicit_port: bool,
}

impl PublicUrl {
    /// Reads `BASE_URL`. A slash at the end is forgiven, anything more is not.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let wrong = |problem| ConfigError::BaseUrl { problem };
        let text = text.trim();
        let url = Url::parse(text).map_err(|_| wrong("is not a web address"))?;
        if url.scheme() != "https" {
            return Err(wrong(
                "must begin with https://, because OAuth clients accept nothing else",
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("must not contain a user name or a password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("must not contain a ? or a #"));
        }
        if url.path() != "/" {
            return Err(wrong("must not have a path after the host name"));
        }
        let host = match url.host() {
            Some(Host::Domain(name)) if !name.ends_with('.') => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => format!("[{address}]"),
            _ => return Err(wrong("has no usable host name")),
        };
        let authority = url
            .port()
            .map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        Ok(Self {
            origin: format!("https://{authority}"),
            authority,
            explicit_port: url.port().is_some(),
        })
    }

    /// `https://host`, with the port when it is not 443, without a slash.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Every `Host` a request for this address may carry.
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        if self.explicit_port {
            vec![self.authority.clone()]
        } else {
            vec![self.authority.clone(), format!("{}:443", self.authority)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_address_is_an_https_origin_and_nothing_else() {
        for good in [
            "https://Mcp.Example.com",
            "https://mcp.example.com/",
            "https://mcp.example.com:443",
        ] {
            let url = PublicUrl::parse(good).unwrap();
            assert_eq!(url.origin(), "https://mcp.example.com");
            assert_eq!(url.hosts(), ["mcp.example.com", "mcp.example.com:443"]);
        }
        let with_port = PublicUrl::parse("https://mcp.example.com:8443").unwrap();
        assert_eq!(with_port.hosts(), ["mcp.example.com:8443"]);
        for bad in [
            "http://mcp.example.com",
            "https://mcp.example.com/mcp",
            "https://mcp.example.com/?a=b",
            "https://mcp.example.com/#x",
            "https://me:pw@mcp.example.com",
            "https://mcp.example.com.",
            "mcp.example.com",
            "https://",
            "ftp://mcp.example.com",
        ] {
            let error = PublicUrl::parse(bad).unwrap_err().to_string();
            assert!(error.starts_with("BASE_URL "), "{bad}: {error}");
            assert!(!error.contains("pw@"), "{error}");
        }
    }
}
