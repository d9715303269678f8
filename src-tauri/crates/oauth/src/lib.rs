//! The OAuth 2.1 authorization server, the bearer check and connection approvals.
//!
//! # What it promises
//! - No client gets a code before a person approved that very request, shown as it was, and only
//!   the browser that began it can collect the answer.
//! - One code has one exchange. A successor refresh token's first use kills its parent and its
//!   siblings; a dead one that comes back ends the grant.
//! - Whatever a client was told is on disk before it was told.
//! - A token is worth something at its own audience only, and never longer than its grant.
//! - Every refusal says in plain words what is wrong and what to do, and loses nothing.
//!
//! # What it never does
//! - Approve by itself: there is no such path in this crate.
//! - Send a browser to an address that the client did not register.
//! - Keep a token, code, handle or secret in clear, but for the static client's secret, sealed,
//!   because the user must be able to read it again. None of them is ever logged.
//! - Read a clock, random bytes or the network but through the ports in [`Dependencies`].
//! - Fetch anything but client metadata documents, and those from public addresses only.
//!
//! # Where things are
//! | file | what |
//! |---|---|
//! | `server.rs` | [`AuthorizationServer`]: its parts and routes |
//! | `endpoints/` | metadata, token, registration and revocation, each with its errors |
//! | `authorize.rs`, `pages/` | the authorization endpoint and what a browser is shown |
//! | `approval/`, `pairing.rs`, `local.rs` | from request to decision: same-device proof, pairing code |
//! | `clients/`, `fetch/` | clients three ways; the guarded fetcher of their documents |
//! | `bearer.rs` | the check of every MCP request |
//! | `grants.rs`, `connections.rs`, `script_tokens.rs`, `sweep.rs` | grants from approval to end |
//! | `codes.rs`, `refresh.rs`, `pkce.rs`, `scope.rs`, `resource.rs`, `redirect_uri.rs` | the rules, pure |
//! | `form.rs`, `body.rs`, `headers.rs`, `cors.rs`, `limits.rs` | HTTP, strictly |
//! | `tokens.rs`, `ids.rs`, `terms.rs`, `request.rs`, `settings.rs`, `events.rs` | the vocabulary |
//! | `redact.rs` | takes our secrets out of any text |

mod approval;
mod authorize;
mod bearer;
#[cfg(test)]
mod bearer_tests;
mod body;
mod change;
mod clients;
mod codes;
mod connections;
#[cfg(test)]
mod connections_tests;
mod cors;
mod endpoints;
mod events;
mod fetch;
mod form;
mod grants;
mod headers;
mod ids;
mod limits;
mod live;
mod local;
#[cfg(test)]
mod model_tests;
mod pages;
mod pairing;
mod pkce;
mod redact;
mod redirect_uri;
mod refresh;
mod request;
mod resource;
mod scope;
mod script_tokens;
mod server;
mod settings;
mod sweep;
mod terms;
#[cfg(test)]
mod testing;
mod tokens;

pub use self::approval::decide::{DecideError, Decision};
pub use self::approval::shown::{
    Approval, ApprovalKind, NotAShownHash, Proof, Question, ShownClient, ShownHash, ShownRedirect,
};
pub use self::approval::visible::spelled_out;
pub use self::bearer::{Challenge, Principal};
pub use self::clients::ClientKind;
pub use self::clients::static_client::{
    SecretProblem, StaticClient, StaticClientError, check_client_secret, check_static_redirect,
};
pub use self::connections::{Connection, ConnectionState, EditError};
pub use self::events::{ApprovalOutcome, Event, EventSink, NoEvents};
pub use self::fetch::{
    Dial, Document, DocumentFetcher, FetchError, GuardedFetcher, Resolve, SystemDial, SystemResolve,
};
pub use self::grants::EndReason;
pub use self::ids::{ApprovalId, GrantId, InvalidId, RegisteredClientId};
pub use self::live::LiveGrant;
pub use self::local::PeerUser;
pub use self::pairing::{PairingCode, PairingState, PairingStatus};
pub use self::redact::redact;
pub use self::request::{Audience, ClientAddress, ClientCountry, RequestOrigin};
pub use self::resource::MCP_PATH;
pub use self::script_tokens::{NewScriptToken, ScriptToken, ScriptTokenError};
pub use self::server::{AuthorizationServer, Dependencies};
pub use self::settings::{ServerChoice, ServerDirectory, Settings};
pub use self::terms::{AccessLevel, GrantLifetime, InvalidTerms, ServerSelection, Terms};

/// The parsers of strangers' input, for the fuzz targets.
pub mod parsers {
    pub use crate::clients::document::{AddressError, ClientDocument, ClientIdUrl, DocumentError};
    pub use crate::form::{Form, FormError, FormLimits, parse_unique};
    pub use crate::redirect_uri::{
        RedirectTrust, RedirectUriError, RedirectUse, classify, matches,
        parse as parse_redirect_uri,
    };
}

/// The limits of every endpoint, by name.
pub mod limit {
    pub use crate::approval::state::{
        APPROVAL_LIFE, ARMED_LIFE, COLLECT_AGAIN, COLLECT_LIFE, HANDLE_LIFE, MOST_REQUESTS,
        MOST_WAITING, QUIET_AFTER_DENIALS, QUIET_LIFE, QUIET_WINDOW, REQUEST_LIFE, RETURN_LIFE,
    };
    pub use crate::limits::{
        AUTHORIZE_IN_ALL, AUTHORIZE_PER_ADDRESS, REGISTER_IN_ALL, REGISTER_PER_ADDRESS,
        TOKEN_IN_ALL, TOKEN_PER_ADDRESS,
    };
    pub use crate::pairing::{MOST_PAGES, PAIRING_LIFE, WRONG_TRIES_IN_ALL, WRONG_TRIES_PER_PAGE};
}
