//! An OAuth and MCP client: what ChatGPT's backend, an editor or a script does.

use std::net::Ipv4Addr;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::http::{form, own_address};
use super::{Answer, Network, Sending, text};

/// Where the clients of these tests want their codes: a program on this computer.
pub(crate) const REDIRECT: &str = "http://127.0.0.1:33418/callback";

/// How a client proves who it is at the token endpoint.
#[derive(Clone)]
pub(crate) enum Registration {
    /// It cannot; PKCE ties the code to it.
    Public,
    /// `client_secret_post`.
    Post(String),
    /// `client_secret_basic`.
    Basic(String),
}

/// One client application.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) network: Network,
    pub(crate) address: Ipv4Addr,
    /// The origin it talks to.
    pub(crate) base: String,
    pub(crate) id: String,
    pub(crate) registration: Registration,
    pub(crate) redirect: String,
}

/// One authorize request, with what the client keeps of it.
#[derive(Clone)]
pub(crate) struct Authorization {
    /// The parameters, in order; a test may change them.
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) state: String,
    pub(crate) verifier: Option<String>,
    pub(crate) base: String,
}

/// What the token endpoint gave.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// A random text of 256 bits.
pub(crate) fn random() -> String {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).unwrap();
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

impl Authorization {
    /// Sets or replaces one parameter.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.parameters.retain(|(known, _)| known != name);
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a parameter, even a second one of the same name.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves a parameter out.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.parameters.retain(|(known, _)| known != name);
        self
    }

    /// The URL the browser is sent to.
    pub(crate) fn url(&self) -> String {
        let pairs: Vec<_> = self
            .parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        format!("{}/oauth/authorize?{}", self.base, form(&pairs))
    }

    /// Takes the code out of the answer the browser brings back, after the checks a client makes.
    #[track_caller]
    pub(crate) fn code(&self, answer: &Answer) -> String {
        let target = answer
            .location()
            .unwrap_or_else(|| panic!("no redirect: {answer:#?}"));
        let field = |name: &str| {
            let mut values = target
                .query_pairs()
                .filter(|(known, _)| known == name)
                .map(|(_, value)| value);
            let value = values.next().map(std::borrow::Cow::into_owned);
            assert!(values.next().is_none(), "two {name} in {target}");
            value
        };
        assert_eq!(field("state"), Some(self.state.clone()), "{target}");
        assert_eq!(
            field("iss").as_deref(),
            Some(self.base.as_str()),
            "{target}"
        );
        assert_eq!(field("error"), None, "{target}");
        field("code").unwrap_or_else(|| panic!("no code in {target}"))
    }

    /// Takes the error out of the answer the browser brings back.
    #[track_caller]
    pub(crate) fn error(&self, answer: &Answer) -> (String, String) {
        let target = answer
            .location()
            .unwrap_or_else(|| panic!("no redirect: {answer:#?}"));
        let fields: std::collections::BTreeMap<_, _> = target.query_pairs().into_owned().collect();
        assert_eq!(fields.get("state"), Some(&self.state), "{target}");
        assert_eq!(fields.get("iss"), Some(&self.base), "{target}");
        assert_eq!(fields.get("code"), None, "{target}");
        let description = fields.get("error_description").cloned().unwrap_or_default();
        assert!(description.len() > 20, "nothing to act on in {target}");
        (fields["error"].clone(), description)
    }
}

impl Client {
    /// Registers dynamically at one of the origins.
    pub(crate) async fn register_in(network: &Network, base: &str, redirects: &[&str]) -> Self {
        let address = own_address();
        let asked = json!({
            "client_name": "Harness", "redirect_uris": redirects,
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"], "token_endpoint_auth_method": "none",
        });
        let answer = network
            .send(
                Sending::post(&format!("{base}/oauth/register"))
                    .json(&asked)
                    .from(address),
            )
            .await
            .expect(201);
        Self {
            network: network.clone(),
            address,
            base: base.to_owned(),
            id: text(&answer.json(), "client_id"),
            registration: Registration::Public,
            redirect: redirects[0].to_owned(),
        }
    }

    /// The same client, seen from another address.
    pub(crate) fn moved(mut self) -> Self {
        self.address = own_address();
        self
    }

    /// `<base>/mcp`.
    pub(crate) fn resource(&self) -> String {
        format!("{}/mcp", self.base)
    }

    /// A new authorize request as the specification wants it.
    pub(crate) fn authorization(&self) -> Authorization {
        let (state, verifier) = (random(), random());
        self.network.canary.secret(&state);
        self.network.canary.secret(&verifier);
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let parameters = [
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", &self.redirect),
            ("scope", "mcp"),
            ("state", &state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("resource", &self.resource()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        let base = self.base.clone();
        Authorization {
            parameters,
            state,
            verifier: Some(verifier),
            base,
        }
    }

    /// An authorize request as the original guide's clients make it: no PKCE, no resource.
    pub(crate) fn plain_authorization(&self) -> Authorization {
        let mut plain = self
            .authorization()
            .without("code_challenge")
            .without("code_challenge_method")
            .without("resource");
        plain.verifier = None;
        plain
    }

    /// The form that exchanges a code.
    pub(crate) fn exchange_form<'a>(
        &'a self,
        code: &'a str,
        authorization: &'a Authorization,
    ) -> Vec<(&'a str, &'a str)> {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", self.redirect.as_str()),
        ];
        if let Some(verifier) = &authorization.verifier {
            fields.push(("code_verifier", verifier));
        }
        fields
    }

    /// Exchanges a code.
    pub(crate) async fn exchange(&self, code: &str, authorization: &Authorization) -> Answer {
        self.post("/oauth/token", &self.exchange_form(code, authorization))
            .await
    }

    /// Uses a refresh token.
    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        self.post(
            "/oauth/token",
            &[("grant_type", "refresh_token"), ("refresh_token", token)],
        )
        .await
    }

    /// Uses a refresh token that must work.
    pub(crate) async fn refreshed(&self, token: &str) -> Tokens {
        Tokens::of(&self.refresh(token).await)
    }

    /// Revokes a token.
    pub(crate) async fn revoke(&self, token: &str) -> Answer {
        self.post("/oauth/revoke", &[("token", token)]).await
    }

    /// Sends a form as this client.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.network.send(self.sending(path, fields)).await
    }

    /// The request [`Self::post`] sends.
    pub(crate) fn sending(&self, path: &str, fields: &[(&str, &str)]) -> Sending {
        let sending = Sending::post(&format!("{}{path}", self.base)).from(self.address);
        let mut fields = fields.to_vec();
        match &self.registration {
            Registration::Public => {
                fields.push(("client_id", &self.id));
                sending.form(&fields)
            }
            Registration::Post(secret) => {
                fields.extend([("client_id", self.id.as_str()), ("client_secret", secret)]);
                sending.form(&fields)
            }
            Registration::Basic(secret) => {
                let encode = |text: &str| form(&[("", text)])[1..].to_owned();
                let pair = format!("{}:{}", encode(&self.id), encode(secret));
                let pair = base64::prelude::BASE64_STANDARD.encode(pair);
                sending
                    .form(&fields)
                    .header("authorization", &format!("Basic {pair}"))
            }
        }
    }

    /// One JSON-RPC request at `/mcp`, as ChatGPT sends it after `initialize`.
    pub(crate) async fn rpc(&self, token: Option<&str>, method: &str, params: Value) -> Answer {
        self.network
            .send(self.rpc_sending(token, method, &params))
            .await
    }

    /// Likewise where the connection may break before there is an answer.
    pub(crate) async fn rpc_or_break(
        &self,
        token: &str,
        method: &str,
        params: Value,
    ) -> Result<Answer, String> {
        self.network
            .try_send(self.rpc_sending(Some(token), method, &params))
            .await
    }

    fn rpc_sending(&self, token: Option<&str>, method: &str, params: &Value) -> Sending {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let sending = Sending::post(&self.resource())
            .from(self.address)
            .json(&request)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2025-11-25");
        match token {
            Some(token) => sending.bearer(token),
            None => sending,
        }
    }

    /// The names of the tools this token may see.
    pub(crate) async fn tools(&self, token: &str) -> Vec<String> {
        let answer = self
            .rpc(Some(token), "tools/list", json!({}))
            .await
            .expect(200)
            .json();
        let tools = answer["result"]["tools"]
            .as_array()
            .unwrap_or_else(|| panic!("{answer:#}"));
        tools.iter().map(|tool| text(tool, "name")).collect()
    }

    /// Calls a tool: its text, and whether it was an error.
    pub(crate) async fn call(&self, token: &str, tool: &str, arguments: Value) -> (String, bool) {
        let params = json!({"name": tool, "arguments": arguments});
        let answer = self
            .rpc(Some(token), "tools/call", params)
            .await
            .expect(200)
            .json();
        let result = &answer["result"];
        assert!(result.is_object(), "{answer:#}");
        let content = result["content"].as_array().cloned().unwrap_or_default();
        let said: Vec<String> = content.iter().map(|item| text(item, "text")).collect();
        (said.join("\n"), result["isError"] == true)
    }

    /// Is this access token good now?
    pub(crate) async fn works(&self, token: &str) -> bool {
        let answer = self.rpc(Some(token), "tools/list", json!({})).await;
        match answer.status.as_u16() {
            200 => true,
            401 => {
                let challenge = answer.header("www-authenticate").unwrap_or_default();
                assert!(challenge.contains("error=\"invalid_token\""), "{answer:#?}");
                false
            }
            _ => panic!("{answer:#?}"),
        }
    }
}

impl Tokens {
    /// Reads a successful token answer, after the checks a client makes.
    #[track_caller]
    pub(crate) fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status.as_u16(), 200, "{answer:#?}");
        assert_eq!(
            answer.header("cache-control"),
            Some("no-store"),
            "{answer:#?}"
        );
        let json = answer.json();
        assert_eq!(json["token_type"], "Bearer", "{json:#}");
        assert_eq!(json["expires_in"], 3600, "{json:#}");
        assert_eq!(json["scope"], "mcp", "{json:#}");
        Self {
            access: text(&json, "access_token"),
            refresh: text(&json, "refresh_token"),
        }
    }
}
