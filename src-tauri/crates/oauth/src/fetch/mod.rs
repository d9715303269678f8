//! Fetches client metadata documents, and nothing else.
//!
//! Whoever opens the authorization page chooses the address, so this is the one place where a
//! stranger makes this computer speak to another. `guarded.rs` holds the guard; it has no switch.
//! Tests bring their own name resolution, their own wires and their own roots through the ports.
//!
//! - `guarded.rs`: the fetcher
//! - `address.rs`: which addresses are public
//! - `freshness.rs`: how long a document may be kept

mod address;
mod freshness;
mod guarded;
#[cfg(test)]
mod guarded_tests;

use std::io;
use std::net::{IpAddr, SocketAddr};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::SignedDuration;
use tokio::net::TcpStream;

pub use self::guarded::GuardedFetcher;
use crate::clients::document::ClientIdUrl;

/// A document as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its bytes, not yet read.
    pub body: Bytes,
    /// How long it may be kept, as its headers say; zero for not at all.
    pub fresh_for: SignedDuration,
}

/// Fetches client metadata documents.
#[async_trait]
pub trait DocumentFetcher: Send + Sync {
    /// Fetches the document at this address.
    async fn fetch(&self, address: &ClientIdUrl) -> Result<Document, FetchError>;
}

/// Finds the addresses of a host.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// All addresses of this name.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// Opens a connection to one address.
#[async_trait]
pub trait Dial: Send + Sync {
    /// Connects to exactly this address, with no proxy in between.
    async fn dial(&self, address: SocketAddr) -> io::Result<TcpStream>;
}

/// The operating system's name resolution.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolve;

#[async_trait]
impl Resolve for SystemResolve {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((host, guarded::PORT)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// The operating system's TCP.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemDial;

#[async_trait]
impl Dial for SystemDial {
    async fn dial(&self, address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(address).await
    }
}

/// Why no document came. The text completes "could not be read: …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The name has no address.
    #[error("its host name has no address")]
    NoAddress,
    /// The name leads to an address that is not public.
    #[error("its host is not on the public internet")]
    NotPublic,
    /// Nobody answers there.
    #[error("its host does not answer")]
    Connect,
    /// The host could not prove its name.
    #[error("its host has no valid certificate")]
    Tls,
    /// It took too long.
    #[error("its host took longer than 10 seconds")]
    TimedOut,
    /// The host answered, but with another status than 200. Redirects are not followed.
    #[error("its host answered with HTTP status {0} instead of 200")]
    Status(u16),
    /// The answer is not JSON.
    #[error("its host answered with something other than JSON")]
    ContentType,
    /// The answer is too long.
    #[error("it is longer than 5 KB")]
    TooLong,
    /// What came is no HTTP.
    #[error("its host broke off, or did not speak HTTP")]
    Protocol,
}
