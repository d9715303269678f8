//! A stdio MCP server that misbehaves on demand, written against the wire and not against rmcp, so
//! that it can say what no library would.
//!
//! The first argument says how it starts, a tool's name what it does when called.
#![expect(
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "it does what servers do, not what we do"
)]

use std::io::Write as _;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

fn main() {
    let mode = std::env::args().nth(1).unwrap_or_else(|| "well".to_owned());
    #[cfg(target_os = "linux")]
    match mode.as_str() {
        "launch" => {
            let arguments = std::env::args_os().skip(2);
            let error = drawbridge_gateway::launch::launch(arguments, &["watch".into()]);
            eprintln!("cannot launch: {error}");
            std::process::exit(1);
        }
        "watch" => {
            let ended = drawbridge_gateway::launch::watch(std::env::args_os().skip(2));
            std::process::exit(i32::from(ended.unwrap_or(1)));
        }
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    if let Ok(runtime) = runtime {
        runtime.block_on(behave(mode));
    }
}

async fn behave(mode: String) {
    if mode == "wordless" {
        std::process::exit(7);
    }
    if mode != "grows silent" {
        eprintln!("starting in mode {mode}");
    }
    match mode.as_str() {
        "fetches" => fetch().await,
        "grows silent" => grow_silent(),
        "nurse" => nurse().await,
        "exits" => std::process::exit(3),
        silent if silent.starts_with("silent") => std::future::pending::<()>().await,
        "babbles" => loop {
            say_raw(&"this is no message\n".repeat(50));
            tokio::task::yield_now().await;
        },
        _ => {}
    }
    #[cfg(unix)]
    let _deaf = (mode == "deaf").then(ignore_terminate);
    let mut child = Child {
        mode,
        cancelled: Vec::new(),
        extra_tool: false,
    };
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Ok(message) = serde_json::from_str::<Value>(&line) {
            child.take(&message);
        }
    }
    if child.mode == "deaf" {
        std::future::pending::<()>().await;
    }
}

/// Behaves like a package runner that never gets done: it has a child of its own, says how far it
/// is, and heeds nothing. The last line holds both numbers.
async fn fetch() {
    #[cfg(unix)]
    let _deaf = ignore_terminate();
    let child = std::env::current_exe().and_then(|own| {
        std::process::Command::new(own)
            .arg("silent")
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
    });
    if let Ok(child) = child {
        eprintln!("fetching https://example.org/package?token=secret");
        eprintln!("\x1b[32m{} {}\x1b[0m", std::process::id(), child.id());
    }
    std::future::pending::<()>().await;
}

/// Ends with some last words, and from the second time on without.
fn grow_silent() {
    let Some(mark) = std::env::var_os("MARK") else {
        return;
    };
    if std::path::Path::new(&mark).exists() {
        std::process::exit(4);
    }
    eprintln!("words of the first time");
    let _written = std::fs::write(mark, "");
    std::process::exit(4);
}

/// Launches a server that does not want to die at its own input and output, says the number of
/// its watcher, and waits to be killed.
async fn nurse() {
    let Ok(own) = std::env::current_exe() else {
        return;
    };
    let mut command = std::process::Command::new(&own);
    command
        .arg("launch")
        .arg(std::process::id().to_string())
        .arg(&own)
        .arg("deaf");
    if let Ok(watcher) = command.spawn() {
        say_raw(&format!("{}\n", watcher.id()));
        std::future::pending::<()>().await;
    }
}

#[cfg(unix)]
fn ignore_terminate() -> Option<tokio::signal::unix::Signal> {
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok()
}

struct Child {
    mode: String,
    cancelled: Vec<Value>,
    extra_tool: bool,
}

impl Child {
    fn take(&mut self, message: &Value) {
        let id = &message["id"];
        let params = &message["params"];
        match message["method"].as_str().unwrap_or_default() {
            "initialize" if self.mode == "modern" => {
                say(&json!({ "jsonrpc": "2.0", "id": id,
                    "error": { "code": -32601, "message": "Method not found" } }));
            }
            "initialize" => answer(
                id,
                &json!({
                    "protocolVersion": if self.mode == "future" { "2999-01-01" } else { "2025-06-18" },
                    "capabilities": { "tools": { "listChanged": true } },
                    "serverInfo": { "name": "test child", "version": "1" },
                }),
            ),
            "server/discover" => answer(
                id,
                &json!({
                    "resultType": "complete",
                    "supportedVersions": ["2026-07-28"],
                    "capabilities": { "tools": {} },
                }),
            ),
            "tools/list" => self.list(id, params),
            "tools/call" => self.call(id, params),
            "notifications/cancelled" => self.cancelled.push(params["requestId"].clone()),
            _ => {}
        }
    }

    fn list(&self, id: &Value, params: &Value) {
        let reads = json!({ "readOnlyHint": true });
        // Servers may ask that an argument stands in a header as well (SEP-2243).
        let marked = self.mode == "marked";
        let tool = |name: &str, annotations: &Value| {
            if name == "search" && marked {
                return json!({ "name": name, "annotations": annotations, "inputSchema": {
                    "type": "object",
                    "properties": { "query": { "type": "string", "x-mcp-header": "Query" } },
                } });
            }
            json!({ "name": name, "description": name, "inputSchema": { "type": "object" },
                "annotations": annotations })
        };
        // In two pages.
        if params["cursor"].is_null() {
            let names = [
                "pid",
                "environment",
                "arguments",
                "meta",
                "cancelled",
                "sleep",
                "exit",
                "garbage",
                "flood",
                "stray",
                "progress",
                "error",
                "nonsense",
                "offspring",
                "runaways",
                "change",
                "ask",
                "search",
            ];
            let tools: Vec<Value> = names.iter().map(|name| tool(name, &reads)).collect();
            answer(id, &json!({ "tools": tools, "nextCursor": "second" }));
        } else {
            let mut tools = vec![
                tool("adds", &json!({ "destructiveHint": false })),
                tool("destroys", &json!({ "destructiveHint": true })),
                json!({ "name": "unknown tool", "inputSchema": { "type": "object" } }),
                json!({ "name": 5 }),
            ];
            if self.extra_tool {
                tools.push(tool("extra", &reads));
            }
            answer(id, &json!({ "tools": tools }));
        }
    }

    fn call(&mut self, id: &Value, params: &Value) {
        match params["name"].as_str().unwrap_or_default() {
            "pid" => text(id, &std::process::id().to_string()),
            "environment" => {
                let mut names: Vec<String> = std::env::vars()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                names.sort();
                text(id, &names.join("\n"));
            }
            "arguments" => text(id, &params["arguments"].to_string()),
            "meta" => text(id, &params["_meta"].to_string()),
            "cancelled" => text(id, &json!(self.cancelled).to_string()),
            "sleep" => eprintln!("sleeping"),
            "exit" => std::process::exit(1),
            "garbage" => say_raw(&"this is no message\n".repeat(200)),
            "flood" => {
                let piece = "x".repeat(1024 * 1024);
                for _ in 0..20 {
                    say_raw(&piece);
                }
            }
            "stray" => {
                say_raw("debug: something happened\n\n{}\n");
                say(&json!({ "jsonrpc": "2.0", "id": 4_000_000, "result": {} }));
                say(&json!({ "jsonrpc": "2.0", "id": "mine", "method": "sampling/createMessage" }));
                text(id, "still well");
            }
            "progress" => {
                let token = &params["_meta"]["progressToken"];
                for step in [1, 2] {
                    say(
                        &json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": {
                        "progressToken": token, "progress": step, "total": 2, "message": "on it" } }),
                    );
                }
                text(id, "done");
            }
            "error" => say(&json!({ "jsonrpc": "2.0", "id": id,
                "error": { "code": -32602, "message": "no good", "data": { "why": "because" } } })),
            "nonsense" => answer(id, &json!("a text and not a result")),
            "ask" => answer(
                id,
                &json!({ "resultType": "input_required", "requestState": "x" }),
            ),
            "offspring" => {
                let child = std::process::Command::new("/bin/sleep").arg("1000").spawn();
                text(id, &child.map_or(0, |child| child.id()).to_string());
            }
            // In a session of its own, by a double fork; both write down their numbers.
            "runaways" => {
                let said = std::process::Command::new("/bin/sh")
                    .arg("-c")
                    .arg(
                        "sleep 1000 <&- >&- 2>&- & echo $!; \
                         (setsid sh -c 'echo $$; exec sleep 1000 <&- >&- 2>&-' &)",
                    )
                    .output();
                let said = said.map_or_else(|_| Vec::new(), |output| output.stdout);
                text(id, &String::from_utf8_lossy(&said));
            }
            "change" => {
                self.extra_tool = true;
                say(&json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed" }));
                text(id, "changed");
            }
            name => text(id, &format!("called {name}")),
        }
    }
}

fn text(id: &Value, text: &str) {
    answer(
        id,
        &json!({ "content": [{ "type": "text", "text": text }] }),
    );
}

fn answer(id: &Value, result: &Value) {
    say(&json!({ "jsonrpc": "2.0", "id": id, "result": result }));
}

fn say(message: &Value) {
    say_raw(&format!("{message}\n"));
}

/// Says it, or ends when nobody listens.
fn say_raw(line: &str) {
    let mut stdout = std::io::stdout().lock();
    if stdout
        .write_all(line.as_bytes())
        .and_then(|()| stdout.flush())
        .is_err()
    {
        std::process::exit(0);
    }
}
