//! What the command line may say.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use drawbridge_oauth::{AccessLevel, GrantLifetime};

use crate::config::{Front, GivenPorts, ServeFlags, TunnelKind};

/// Lets ChatGPT, Claude and other MCP clients use the tools and data on this computer, and asks
/// you first.
#[derive(Parser)]
#[command(name = "drawbridge", version, about, max_term_width = 100)]
#[command(args_conflicts_with_subcommands = true)]
#[command(
    after_help = "Without a command Drawbridge opens its window, or serves where there is no display.\n\
    Its data lies in the platform's data folder, or in $DRAWBRIDGE_HOME."
)]
pub struct Arguments {
    /// Started by the system at login: no window opens.
    #[cfg(feature = "gui")]
    #[arg(long, hide = true)]
    pub background: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// How the system starts the desktop at login.
#[cfg(feature = "gui")]
pub(crate) const BACKGROUND: &str = "--background";

/// One command.
#[derive(Subcommand)]
pub enum Command {
    /// Serve without a window
    Serve(Serve),
    /// Say whether Drawbridge runs, and where
    Status(Output),
    /// Print the connector URL, to be pasted into ChatGPT
    Url,
    /// Show a code that lets a browser on another device ask to connect
    Pair(Output),
    /// List the questions that wait for you
    Approvals(Output),
    /// Let in who asks
    Approve(Approve),
    /// Turn away who asks
    Deny {
        /// The approval's id, as `drawbridge approvals` lists it
        id: String,
    },
    /// List who may come in
    Connections(Connections),
    /// End a connection at once
    Revoke {
        /// The connection's id, as `drawbridge connections` lists it
        id: String,
    },
    /// Add, list, change and remove the MCP servers behind the bridge
    #[command(subcommand)]
    Servers(Servers),
    /// Access tokens for scripts and clients on this computer
    #[command(subcommand)]
    Token(Token),
    /// Print the log
    Log(Log),
    /// Where secrets lie, new keys, and the client you type in by hand
    #[command(subcommand)]
    Secrets(Secrets),
    /// Move the values of a .env file into Drawbridge
    Import {
        /// The file
        #[arg(default_value = ".env")]
        file: PathBuf,
    },
    /// Look for what keeps clients from connecting
    Doctor(Output),
}

/// How to print.
#[derive(Args, Clone, Copy)]
pub struct Output {
    /// Print JSON, for scripts
    #[arg(long)]
    pub json: bool,
}

/// `serve`.
#[derive(Args, Default)]
pub struct Serve {
    /// Port for clients on this computer (0: any free one) [default: $`DRAWBRIDGE_PORT`, else as
    /// set in the window, else 8787]
    #[arg(long)]
    pub port: Option<u16>,
    /// Port where a browser proves that it runs on this computer (0: any free one) [default:
    /// $`DRAWBRIDGE_LOCAL_PORT`, else as set in the window, else 8788]
    #[arg(long)]
    pub local_port: Option<u16>,
    /// Port your own HTTPS front forwards to (0: any free one) [default:
    /// $`DRAWBRIDGE_TUNNEL_PORT`, else as set in the window, else 8789]
    #[arg(long)]
    pub tunnel_port: Option<u16>,
    /// How clients elsewhere reach this computer [default: own if `BASE_URL` is set, else as set
    /// in the window, else off]
    #[arg(long, value_enum)]
    pub tunnel: Option<TunnelKind>,
    /// What your HTTPS front is [default: $`DRAWBRIDGE_FRONT`, else cloudflare]. With `other`
    /// (nginx, Caddy …) nobody's `Cf-Connecting-Ip` is believed: such fronts pass on what a client
    /// wrote. All clients then share one address's limits
    #[arg(long, value_enum)]
    pub front: Option<Front>,
    /// Turn away clients that are not known by name (ChatGPT, Claude …) or on this computer
    #[arg(long)]
    pub known_clients_only: bool,
}

impl Serve {
    /// As the configuration takes them.
    #[must_use]
    pub fn flags(&self) -> ServeFlags {
        ServeFlags {
            ports: GivenPorts {
                loopback: self.port,
                local: self.local_port,
                tunnel: self.tunnel_port,
            },
            tunnel: self.tunnel,
            front: self.front,
            known_clients_only: self.known_clients_only,
        }
    }
}

/// `approve`.
#[derive(Args)]
pub struct Approve {
    /// The approval's id, as `drawbridge approvals` lists it
    pub id: String,
    /// The terms.
    #[command(flatten)]
    pub terms: Terms,
}

/// What a connection or token may do.
#[derive(Args)]
pub struct Terms {
    /// read, or read-write
    #[arg(long, default_value_t = AccessLevel::Read, value_parser = access)]
    pub access: AccessLevel,
    /// Names of servers, separated by commas, or all of this moment
    #[arg(long, default_value = "all", value_name = "A,B|all")]
    pub servers: String,
    /// For how long: 1h, 1d, 30d, or never for until revoked
    #[arg(long, default_value_t = GrantLifetime::ThirtyDays, value_parser = lifetime)]
    pub expires: GrantLifetime,
}

fn access(text: &str) -> Result<AccessLevel, String> {
    text.parse()
        .map_err(|_| "write read or read-write".to_owned())
}

fn lifetime(text: &str) -> Result<GrantLifetime, String> {
    text.parse()
        .map_err(|_| "write 1h, 1d, 30d or never".to_owned())
}

/// `connections`.
#[derive(Args)]
pub struct Connections {
    /// How to print.
    #[command(flatten)]
    pub output: Output,
    /// List ended connections, too
    #[arg(long)]
    pub all: bool,
}

/// `servers …`.
#[derive(Subcommand)]
pub enum Servers {
    /// Add a server: servers add NAME -- COMMAND ARGS…
    Add(AddServer),
    /// List the servers
    List(Output),
    /// Remove a server and its rules
    Remove {
        /// Its name
        name: String,
    },
    /// Let a server be used again
    Enable {
        /// Its name
        name: String,
    },
    /// Stop a server and keep it
    Disable {
        /// Its name
        name: String,
    },
    /// List a server's tools, or say what a tool may do: servers tools NAME [TOOL allow|ask|block|default]
    Tools {
        /// The server's name
        name: String,
        /// A tool of it
        #[arg(requires = "rule")]
        tool: Option<String>,
        /// allow, ask, block, or default for what its description implies
        rule: Option<String>,
        /// How to print.
        #[command(flatten)]
        output: Output,
    },
}

/// `servers add`.
#[derive(Args)]
pub struct AddServer {
    /// A short name: letters, digits, - and _
    pub name: String,
    /// A variable for the server's environment, as NAME=VALUE; NAME alone takes the value from
    /// this command's own environment, where no list of processes shows it
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    pub environment: Vec<String>,
    /// The folder it runs in
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<PathBuf>,
    /// The command and its arguments, after --
    #[arg(last = true, required = true, value_name = "COMMAND ARGS")]
    pub command: Vec<OsString>,
}

/// `token …`.
#[derive(Subcommand)]
pub enum Token {
    /// Make a token and print it, this once
    Create(CreateToken),
    /// List the tokens
    List(Output),
    /// End a token at once
    Revoke {
        /// The token's id, as `drawbridge token list` lists it
        id: String,
    },
}

/// `token create`.
#[derive(Args)]
pub struct CreateToken {
    /// What you will know it by
    #[arg(long, default_value = "script")]
    pub name: String,
    /// The terms.
    #[command(flatten)]
    pub terms: Terms,
    /// Make it for the public address instead of this computer
    #[arg(long)]
    pub public: bool,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

/// `log`.
#[derive(Args)]
pub struct Log {
    /// Go on printing what is added
    #[arg(long, short)]
    pub follow: bool,
    /// How many of the newest lines
    #[arg(long, short = 'n', default_value_t = 100)]
    pub lines: usize,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

/// `secrets …`.
#[derive(Subcommand)]
pub enum Secrets {
    /// Say where the key is and which secrets are kept (never the secrets)
    List(Output),
    /// Make a new data key and seal everything with it
    Rotate(Output),
    /// Move the key to another place
    Move {
        /// keychain, environment (`TOKEN_ENCRYPTION_KEY`), or file
        #[arg(long)]
        to: String,
    },
    /// The client whose id and secret are typed in by hand
    Client(StaticClient),
}

/// `secrets client`.
#[derive(Args)]
#[group(multiple = true)]
pub struct StaticClient {
    /// Make a new secret (and the client, if there is none yet)
    #[arg(long, conflicts_with = "remove")]
    pub new: bool,
    /// Remove the client and end its connections
    #[arg(long, conflicts_with_all = ["new", "add_redirect"])]
    pub remove: bool,
    /// Let the client send people back to this address, too
    #[arg(long, value_name = "URI")]
    pub add_redirect: Option<String>,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(line: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(std::iter::once("drawbridge").chain(line.iter().copied()))
    }

    #[test]
    fn the_definition_holds() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_contract_of_scripts_parses() {
        for line in [
            &[
                "serve",
                "--port",
                "0",
                "--local-port",
                "0",
                "--tunnel",
                "own",
            ][..],
            &["status", "--json"],
            &["pair", "--json"],
            &["approvals", "--json"],
            &[
                "approve",
                "K7M2QX",
                "--access",
                "read-write",
                "--servers",
                "a,b",
                "--expires",
                "never",
            ],
            &["deny", "K7M2QX"],
            &["connections", "--json"],
            &["revoke", "g-1"],
            &[
                "servers",
                "add",
                "everything",
                "--env",
                "A=b",
                "--cwd",
                "/",
                "--",
                "npx",
                "-y",
                "x",
            ],
            &["servers", "list", "--json"],
            &["servers", "tools", "everything"],
            &["servers", "tools", "everything", "echo", "allow"],
            &[
                "token",
                "create",
                "--servers",
                "all",
                "--access",
                "read",
                "--expires",
                "1h",
                "--json",
            ],
            &["log", "--follow"],
            &["secrets", "move", "--to", "file"],
            &["secrets", "client", "--json"],
            &[
                "secrets",
                "client",
                "--add-redirect",
                "https://a.example/cb",
            ],
            &["import", ".env"],
            &["doctor", "--json"],
            &[],
        ] {
            assert!(
                parse(line).is_ok(),
                "{line:?}: {:?}",
                parse(line).err().map(|e| e.to_string())
            );
        }
    }

    #[cfg(feature = "gui")]
    #[test]
    fn the_system_starts_it_in_the_background() {
        assert!(parse(&[BACKGROUND]).is_ok_and(|arguments| arguments.background));
        assert!(parse(&[]).is_ok_and(|arguments| !arguments.background));
        assert!(parse(&[BACKGROUND, "serve"]).is_err());
    }

    #[test]
    fn nonsense_is_a_usage_error() {
        for line in [
            &["serve", "--port", "70000"][..],
            &["serve", "--tunnel", "magic"],
            &["approve"],
            &["approve", "K7M2QX", "--access", "write"],
            &["approve", "K7M2QX", "--expires", "2h"],
            &["servers", "add", "x"],
            &["servers", "tools", "x", "echo"],
            &["secrets", "client", "--new", "--remove"],
            &["frobnicate"],
        ] {
            assert_eq!(
                parse(line).err().map(|error| error.exit_code()),
                Some(2),
                "{line:?}"
            );
        }
    }
}
