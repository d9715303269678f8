//! `drawbridge doctor`: walks the way a client goes, and says where it ends.

use std::time::Duration;

use drawbridge_vault::ensure_private_directory;
use drawbridge_vault::ports::{Entropy as _, OsEntropy};
use reqwest::header::{HOST, WWW_AUTHENTICATE};
use reqwest::{Client, StatusCode};
use serde::Serialize;
use serde_json::Value;

use super::arguments::Output;
use super::{CommandError, Context};
use crate::control::AskError;
use crate::ui_api::{Ask, State, Status};

/// How long one request may take.
const REQUEST_WAIT: Duration = Duration::from_secs(10);

/// One thing looked at.
#[derive(Serialize)]
struct Finding {
    check: &'static str,
    ok: bool,
    detail: String,
    /// What to do, where it is not well or could be better.
    advice: Option<&'static str>,
}

impl Finding {
    fn new(check: &'static str, found: Result<String, String>, advice: &'static str) -> Self {
        match found {
            Ok(detail) => Self {
                check,
                ok: true,
                detail,
                advice: None,
            },
            Err(detail) => Self {
                check,
                ok: false,
                detail,
                advice: Some(advice),
            },
        }
    }
}

pub(super) async fn run(output: Output, context: &Context) -> Result<(), CommandError> {
    let data = &context.folders.data;
    let mut findings = vec![Finding::new(
        "data folder",
        if data.exists() {
            ensure_private_directory(data)
                .map(|()| data.display().to_string())
                .map_err(|error| error.to_string())
        } else {
            Err(format!("{} does not exist yet", data.display()))
        },
        "Start Drawbridge once, or make the folder yours.",
    )];
    let status: Result<Status, AskError> = context.client.ask(&Ask::Status).await;
    let not_running = match status {
        Ok(status) => {
            walk(&status, &mut findings).await?;
            None
        }
        Err(error) => {
            let (detail, advice) = (error.to_string(), "Start it with: drawbridge serve");
            findings.push(Finding::new("running", Err(detail), advice));
            Some(error)
        }
    };
    if output.json {
        context.terminal.json(&findings)?;
    } else {
        for finding in &findings {
            let mark = match (finding.ok, finding.advice) {
                (true, None) => "ok  ",
                (true, Some(_)) => "note",
                (false, _) => "FAIL",
            };
            context
                .terminal
                .line(format!("{mark}  {:<18}{}", finding.check, finding.detail))?;
            if let Some(advice) = finding.advice {
                context.terminal.line(format!("      {:<18}{advice}", ""))?;
            }
        }
    }
    match (
        not_running,
        findings.iter().filter(|finding| !finding.ok).count(),
    ) {
        (Some(error), _) => Err(error.into()),
        (None, 0) => Ok(()),
        (None, 1) => Err(CommandError::Failed("One check failed.".to_owned())),
        (None, count) => Err(CommandError::Failed(format!("{count} checks failed."))),
    }
}

async fn walk(status: &Status, findings: &mut Vec<Finding>) -> Result<(), CommandError> {
    let client = client().map_err(|error| CommandError::Failed(error.to_string()))?;
    findings.push(Finding::new(
        "running",
        Ok(format!(
            "{} as process {}",
            status.state.as_str(),
            status.process
        )),
        "",
    ));
    findings.push(Finding {
        check: "key",
        ok: true,
        detail: status
            .warning
            .clone()
            .unwrap_or_else(|| format!("in the {}", status.key_place)),
        advice: status
            .warning
            .as_ref()
            .map(|_| "Where there is a keychain: drawbridge secrets move --to keychain"),
    });
    if status.state != State::Open {
        findings.push(Finding::new(
            "bridge",
            Err(status.problem.as_ref().map_or_else(
                || format!("it is {}, so nobody can connect", status.state.as_str()),
                |problem| problem.message.clone(),
            )),
            "Open it: press Start in the window or in the tray's menu.",
        ));
        return Ok(());
    }
    let here = Door {
        client: &client,
        address: &status.local_url,
        host: None,
    };
    let instance = here.health().await;
    findings.push(Finding::new(
        "loopback port",
        instance
            .as_ref()
            .map(|_| status.local_url.clone())
            .map_err(Clone::clone),
        "Another program may have taken the port; restart Drawbridge with another --port.",
    ));
    here.walk(&status.local_url, findings).await;
    let local = format!("http://127.0.0.1:{}", status.local_port);
    let local_door = Door {
        client: &client,
        address: &local,
        host: None,
    };
    findings.push(Finding::new(
        "local port",
        match local_door.get("/").await {
            Ok((StatusCode::NOT_FOUND, _)) => Ok(local.clone()),
            Ok((status, _)) => Err(format!("answered {status}, so it is not Drawbridge")),
            Err(error) => Err(error),
        },
        "Another program may have taken the port; restart Drawbridge with another --local-port.",
    ));
    if let (Some(public), Some(tunnel)) = (&status.public_url, &status.tunnel_url) {
        let host = public.trim_start_matches("https://");
        let front = Door {
            client: &client,
            address: tunnel,
            host: Some(host),
        };
        findings.push(Finding::new(
            "front's port",
            front.health().await.map(|_| tunnel.clone()),
            "Another program may have taken the port; restart Drawbridge with another --tunnel-port.",
        ));
        front.walk(public, findings).await;
        let outside = Door {
            client: &client,
            address: public,
            host: None,
        };
        let same = outside.health().await.and_then(|outside| match &instance {
            Ok(here) if *here == outside => Ok(format!("{public} leads here")),
            _ => Err(format!("{public} leads to something else")),
        });
        findings.push(Finding::new(
            "public address",
            same,
            "Let the HTTPS front forward every path to the front's port and keep the Host header.",
        ));
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one client of the command line: it asks Drawbridge itself, in bounded time, and follows nothing"
)]
fn client() -> reqwest::Result<Client> {
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(REQUEST_WAIT)
        .build()
}

/// One way in, as a client sees it.
struct Door<'a> {
    client: &'a Client,
    address: &'a str,
    host: Option<&'a str>,
}

impl Door<'_> {
    async fn get(&self, path: &str) -> Result<(StatusCode, String), String> {
        let mut request = self.client.get(format!("{}{path}", self.address));
        if let Some(host) = self.host {
            request = request.header(HOST, host);
        }
        let answer = request.send().await.map_err(|error| plain(&error))?;
        let status = answer.status();
        Ok((status, answer.text().await.map_err(|error| plain(&error))?))
    }

    async fn json(&self, path: &str) -> Result<Value, String> {
        let (status, body) = self.get(path).await?;
        if status != StatusCode::OK {
            return Err(format!("{path} answered {status}"));
        }
        serde_json::from_str(&body).map_err(|_| format!("{path} answered something else than JSON"))
    }

    /// The name of the instance that answers.
    async fn health(&self) -> Result<String, String> {
        let mut random = [0_u8; 8];
        OsEntropy
            .fill(&mut random)
            .map_err(|error| error.to_string())?;
        let nonce = format!("{:016x}", u64::from_ne_bytes(random));
        let health = self.json(&format!("/health?nonce={nonce}")).await?;
        match (health["nonce"].as_str(), health["instance"].as_str()) {
            (Some(echo), Some(instance)) if echo == nonce => Ok(instance.to_owned()),
            _ => Err("answered, but it is not Drawbridge".to_owned()),
        }
    }

    /// Discovery as clients do it: the challenge, and the documents it leads to.
    async fn walk(&self, base: &str, findings: &mut Vec<Finding>) {
        const BUG: &str = "Look at the log (drawbridge log) and report this.";
        findings.push(Finding::new("challenge", self.challenge(base).await, BUG));
        let resource = format!("{base}{}", drawbridge_oauth::MCP_PATH);
        for (check, path, field, expected) in [
            (
                "resource",
                "/.well-known/oauth-protected-resource/mcp",
                "resource",
                resource.as_str(),
            ),
            (
                "metadata",
                "/.well-known/oauth-authorization-server",
                "issuer",
                base,
            ),
        ] {
            let found = self.json(path).await.and_then(|document| {
                if document[field] == expected {
                    Ok(format!("{field} is {expected}"))
                } else {
                    Err(format!(
                        "{field} is {} instead of {expected}",
                        document[field]
                    ))
                }
            });
            findings.push(Finding::new(check, found, BUG));
        }
    }

    /// Without a token `/mcp` must say where to get one.
    async fn challenge(&self, base: &str) -> Result<String, String> {
        let mut request =
            self.client
                .post(format!("{}{}", self.address, drawbridge_oauth::MCP_PATH));
        if let Some(host) = self.host {
            request = request.header(HOST, host);
        }
        let answer = request.send().await.map_err(|error| plain(&error))?;
        let header = answer
            .headers()
            .get(WWW_AUTHENTICATE)
            .and_then(|value| value.to_str().ok());
        let expected =
            format!("resource_metadata=\"{base}/.well-known/oauth-protected-resource/mcp\"");
        match (answer.status(), header) {
            (StatusCode::UNAUTHORIZED, Some(header)) if header.contains(&expected) => {
                Ok("without a token: 401, and where to get one".to_owned())
            }
            (status, _) => Err(format!(
                "without a token: {status}, and not where to get one"
            )),
        }
    }
}

/// What went wrong, without the address, which the reader has before them.
fn plain(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        "did not answer in time".to_owned()
    } else if error.is_connect() {
        "cannot be reached".to_owned()
    } else {
        "answered nothing that could be read".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::status::tests::open;
    use super::*;
    use crate::ui_api::UiError;

    #[tokio::test]
    async fn what_is_closed_is_one_finding_and_no_row_of_failures() {
        let problem = UiError::failed("port 8787 cannot be used");
        for (state, problem, expected) in [
            (State::Closed, None, "it is closed, so nobody can connect"),
            (State::Attention, Some(problem), "Port 8787 cannot be used"),
        ] {
            let status = Status {
                state,
                problem,
                ..open()
            };
            let mut findings = Vec::new();
            walk(&status, &mut findings).await.unwrap();
            let failed: Vec<_> = findings.iter().filter(|finding| !finding.ok).collect();
            assert_eq!(failed.len(), 1);
            assert_eq!(failed[0].detail, expected);
            assert!(failed[0].advice.is_some());
        }
    }
}
