// What crosses between the windows and the app, made from the types of src-tauri/src/ui_api.
// Not to be edited: change those, then `cargo xtask bindings`.

/** What a grant reaches. */
export type AccessLevel = "read" | "read-write";

/** What happened. */
export type ActivityKind = "call" | "connection_asked" | "connection_approved" | "connection_denied" | "connection_withdrawn" | "connection_ended" | "client_registered" | "refused" | "pairing_guessed" | "bridge_opened" | "bridge_closed" | "server_failed";

/** One thing that happened. Never an argument, a result or a secret. */
export type ActivityView = {
  /** Its id; later ones are other ids. */
  id: string,
  /** When. */
  at: string,
  /** What. */
  kind: ActivityKind,
  /** What the client calls itself, or the owner the token; nobody checked it. */
  client: string | null,
  /** The server, by name. */
  server: string | null,
  /** The tool, as its server names it. */
  tool: string | null,
  /** What became of a call. */
  outcome: Outcome | null,
  /** How long a call took. */
  milliseconds: number | null,
  /** More about it, in words that may hold what strangers said. */
  detail: string | null,
};

/** One question, with all that a person is shown about it. */
export type ApprovalView = {
  /** Its id. */
  id: string,
  /** `connection`. */
  kind: string,
  /** What the client calls itself; nobody checked it. */
  client: string,
  /** Where the browser goes back to. */
  redirect_host: string,
  /** The servers it can be let in to, by name. */
  servers: Array<string>,
  /** When the question is withdrawn. */
  expires_at: string,
  /** The hash of what is shown here; a decision carries it. */
  shown: string,
  /** How we know the client. */
  client_kind: ClientKind,
  /** The host that publishes the client's metadata, if one does. */
  client_domain: string | null,
  /** The part of the redirect host that somebody registered. */
  redirect_registrable: string | null,
  /** Whether the redirect host is one we know by name. */
  redirect_known: boolean,
  /** Whether it goes back to a program on the computer of the browser. */
  redirect_loopback: boolean,
  /** Whether the client protects its code with PKCE. */
  pkce: boolean,
  /** The scope it asked for. */
  scope: string,
  /** The address it came to. */
  address: string,
  /** How the browser proved where it is. */
  proof: Proof,
  /** The browser's address, where it typed a code on another device. */
  from_address: string | null,
  /** The country of that address. */
  from_country: string | null,
  /** The servers, with what they can do. */
  choices: Array<ChoiceView>,
  /** When the client asked. */
  requested_at: string,
};

/** How far each family of clients has come. */
export type ChecklistView = {
  /** Those that go back to ChatGPT. */
  chatgpt: Progress,
  /** Those that go back to Claude. */
  claude: Progress,
  /** All others. */
  other: Progress,
};

/** A server that a grant can cover. */
export type ChoiceView = {
  /** Its name. */
  name: string,
  /** What people call it. */
  title: string,
  /** How many tools it has. */
  tools: number,
  /** How many of them change things. */
  changing: number,
  /** How many of them ask before each call. */
  asking: number,
};

/** How a client is known. */
export type ClientKind = "static" | "cimd" | "dcr" | "script";

/** The person's answer to one of them. */
export type ConfirmationAnswer = {
  /** Which. */
  id: string,
  /** The hash of what the person was shown. */
  shown: string,
  /** Whether it may be done. */
  allow: boolean,
};

/** One thing to be confirmed. It has no `Debug`: a server's arguments may hold secrets. */
export type ConfirmationView = {
  /** Its id. */
  id: string,
  /** The hash of all that is shown here; an answer carries it. */
  shown: string,
  /**
   * What is to be done: `add_server`, `enable_server`, `approve`, `pair`, `token`, `rule`,
   * `client`, `import`, `secrets` or `widen_connection`.
   */
  action: string,
  /** The question, in our words. */
  title: string,
  /** Who asks, in our words. */
  asker: string,
  /** What it is about, whole. Labels are our words, values are strangers' text. */
  details: Array<Detail>,
  /** When it is withdrawn. */
  expires_at: string,
};

/** How a connection stands. */
export type ConnectionState = "pending" | "active" | "connect-again" | "damaged" | "ended";

/** What a connection shall be allowed from now on. */
export type ConnectionTerms = {
  /** The servers it may use. */
  servers: Array<string>,
  /** Reading, or reading and writing. */
  access: AccessLevel,
};

/** A connection, or a token made for a script. */
export type ConnectionView = {
  /** Its id. */
  id: string,
  /** What the client calls itself, or the owner the token; nobody checked it. */
  client: string,
  /** How we know the client; `script` for a token. */
  client_kind: ClientKind,
  /** The host that publishes the client's metadata, if one does. */
  client_domain: string | null,
  /** Where the browser went back to when it was approved. */
  redirect_host: string | null,
  /** The part of that host that somebody registered. */
  redirect_registrable: string | null,
  /** The address it belongs to: `loopback`, or the public origin. */
  origin: string,
  /** The servers it may use. */
  servers: Array<string>,
  /** Reading, or reading and writing. */
  access: AccessLevel,
  /** When it was approved. */
  created_at: string,
  /** When it was last used, to the minute. */
  last_used_at: string,
  /** When it ends; `None` is until revoked. */
  expires_at: string | null,
  /** For how long it was let in. */
  lifetime: GrantLifetime,
  /** When it ends if nobody uses it any more; `None` if it has ended, or ends before that. */
  unused_until: string | null,
  /** How it stands. */
  state: ConnectionState,
  /** Why it ended, if it did. */
  end_reason: string | null,
};

/** What was decided. */
export type Decided = {
  /** Which question. */
  id: string,
  /** Let in, or turned away? */
  approved: boolean,
  /** The servers it may use now. */
  servers: Array<string>,
};

/** The owner's decision about one question. */
export type Decision = {
  /** Which question. */
  id: string,
  /** The hash of what the owner was shown. */
  shown: string,
  /** On which terms to let it in; `None` turns it away. */
  terms: TermsChoice | null,
};

/** One line of what is to be confirmed. */
export type Detail = {
  /** What it is, in our words. */
  label: string,
  /** A stranger's text, with hidden characters spelled out. */
  value: string,
};

/** A variable for a server; it may hold a secret, which is sealed. */
export type EnvVar = {
  /** Its name. */
  name: string,
  /** Its value. */
  value: string,
};

/** For how long a grant holds. */
export type GrantLifetime = "1h" | "1d" | "30d" | "never";

/** Whether a server runs. */
export type Health = "idle" | "starting" | "running" | "failed";

/** Where the key lies. */
export type KeyPlace = "keychain" | "environment" | "file";

/** Where the key is now. */
export type Moved = {
  /** `keychain`, `environment` or `file`. */
  key_place: KeyPlace,
};

/** A server to add, as it is typed into the window. */
export type NewServerForm = {
  /** Its name. */
  name: string,
  /** The program with its arguments, on one line as in a shell. */
  command_line: string,
  /** Variables for it. */
  env: Array<EnvVar>,
  /** The folder it runs in. */
  directory: string | null,
};

/** A token to make. */
export type NewToken = {
  /** What the owner will know it by. */
  name: string,
  /** What it may do. */
  terms: TermsChoice,
  /** For the public address instead of this computer. */
  public: boolean,
};

/** What became of a call. */
export type Outcome = "done" | "failed" | "refused" | "asked" | "timed_out" | "unavailable" | "cancelled";

/** A code, shown once. */
export type PairingShown = {
  /** What is typed into the page. */
  code: string,
  /** When it stops working. */
  expires_at: string,
  /** The only address where it may be typed. */
  host: string,
};

/** What became of a pairing code. */
export type PairingState = "open" | "used" | "guessed" | "expired";

/** What became of the code that was opened last. */
export type PairingView = {
  /** How it stands. */
  state: PairingState,
  /** When it stops, or stopped, working. */
  expires_at: string,
  /** Wrong codes received so far. */
  wrong_tries: number,
};

/** The ports to listen on; 0 picks a free one. */
export type PortsView = {
  /** Clients on this computer. */
  loopback: number,
  /** The browser's proof that it is on this computer. */
  local: number,
  /** The owner's own HTTPS front. */
  tunnel: number,
};

/** How far one family of clients has come with its newest connection. */
export type Progress = {
  /** When it first asked, or registered. */
  registered_at: string | null,
  /** When the owner let it in. */
  approved_at: string | null,
  /** When it first called a tool. */
  first_call_at: string | null,
};

/** How a browser proved where it is. */
export type Proof = "browser" | "program" | "code";

/** What is asked. */
export type QuestionContent = { "kind": "connection",
  /** The question. */
  approval: ApprovalView, } | { "kind": "confirmation",
  /** The question. */
  confirmation: ConfirmationView,
};

/** The question to answer now. */
export type QuestionView = {
  /** Its id. */
  id: string,
  /** The hash of what is shown; the answer carries it. */
  shown: string,
  /** How many others wait behind it. */
  waiting: number,
  /** When it is withdrawn. */
  expires_at: string,
  /** What is asked. */
  content: QuestionContent,
};

/** What a rotation did. */
export type Rotated = {
  /** How many values were sealed anew. */
  resealed: number,
};

/** What becomes of a tool's calls. */
export type Rule = "allow" | "ask" | "block";

/** What is kept, and where its key is. Never a secret. */
export type SecretsView = {
  /** `keychain`, `environment` or `file`. */
  key_place: KeyPlace,
  /** What the owner should know about that place. */
  warning: string | null,
  /** The names of the secrets kept. */
  names: Array<string>,
};

/** A server, for the one who owns it. */
export type ServerView = {
  /** Its name. */
  name: string,
  /** Switched on? */
  enabled: boolean,
  /** Whether it runs. */
  health: Health,
  /** The program; its arguments may hold secrets and are not told. */
  command: string,
  /** How many tools it has, as far as that is known. */
  tools: number | null,
  /** What went wrong last. */
  last_error: string | null,
  /** Its process, while it runs. */
  process: number | null,
  /** Since when it starts, while it does. */
  starting_since: string | null,
  /** The last line it said while it starts, without secrets and control characters. */
  progress: string | null,
};

/** What to change; what is `None` stays. */
export type SettingsChange = {
  /** Whether the bridge opens when the app starts. */
  open_at_start: boolean | null,
  /** Whether the main window opens when the app starts. */
  show_window_at_start: boolean | null,
  /** Where to listen. */
  ports: PortsView | null,
  /** How clients elsewhere reach this computer. */
  tunnel: TunnelKind | null,
  /** The public address of the owner's HTTPS front; an empty text forgets it. */
  public_url: string | null,
  /** Whether new connections may ask only for ten minutes after *Add connection*. */
  armed_only: boolean | null,
  /** Whether clients that are not known by name are turned away. */
  known_clients_only: boolean | null,
};

/** The settings in force. */
export type SettingsView = {
  /** Whether the bridge opens when the app starts. */
  open_at_start: boolean,
  /** Whether the main window opens when the app starts. */
  show_window_at_start: boolean,
  /** Where to listen. */
  ports: PortsView,
  /** How clients elsewhere reach this computer. */
  tunnel: TunnelKind,
  /** The public address of the owner's HTTPS front, `https://host`. */
  public_url: string | null,
  /** Whether new connections may ask only for ten minutes after *Add connection*. */
  armed_only: boolean,
  /** Whether clients that are not known by name are turned away. */
  known_clients_only: boolean,
  /**
   * The fields that a flag or the environment decides, and that cannot be changed here:
   * `ports.loopback`, `ports.local`, `ports.tunnel`, `tunnel`, `public_url`,
   * `known_clients_only`.
   */
  fixed: Array<string>,
  /** Where everything is kept. */
  data_folder: string,
  /** Where the log is. */
  log_folder: string,
  /** This program's version. */
  version: string,
};

/** The state a person is shown. */
export type State = "opening" | "open" | "closed" | "attention";

/** The client without its secret, for a window. */
export type StaticClientInfo = {
  /** Its id. */
  client_id: string,
  /** Where it may send people back to, besides ChatGPT's and Claude's addresses. */
  redirect_uris: Array<string>,
  /** What its form calls *Authorization URL*. */
  authorization_url: string,
  /** What its form calls *Token URL*. */
  token_url: string,
};

/** The state, and the addresses. */
export type Status = {
  /** Whether clients can reach it. */
  state: State,
  /** This program's version. */
  version: string,
  /** Where clients on this computer reach it, without a path. */
  local_url: string,
  /** The public origin; `None` while there is none. */
  public_url: string | null,
  /** What is pasted into a client. */
  connector_url: string,
  /** The port where a browser proves that it is on this computer. */
  local_port: number,
  /** Where the owner's own HTTPS front must forward to; `None` without one. */
  tunnel_url: string | null,
  /** `keychain`, `environment` or `file`. */
  key_place: KeyPlace,
  /** What the owner should know about the key's place. */
  warning: string | null,
  /** How many questions wait for the owner. */
  pending_approvals: number,
  /** How many connections may come in. */
  connections: number,
  /** How many servers are there. */
  servers: number,
  /** The process. */
  process: number,
  /** The data folder. */
  data_folder: string,
  /** Since when it runs. */
  started_at: string,
  /** What needs the owner, while the state is `attention`. */
  problem: UiError | null,
  /** How clients elsewhere reach this computer. */
  tunnel: TunnelKind,
  /** Whether new connections may ask only for ten minutes after *Add connection*. */
  armed_only: boolean,
  /** Until when they may, if they may. */
  armed_until: string | null,
  /**
   * How many requests were kept away since the start: unarmed, too many, or too soon after
   * denials.
   */
  missed_requests: number,
  /** Whether a desktop asks the owner; else commands that widen access pass as they are. */
  window: boolean,
  /** Whether the desktop has a place for the tray icon; without one closing the window quits. */
  tray: boolean,
  /** Whether the owner is to be told in this run that there is none. */
  tray_notice: boolean,
};

/** Which servers, how much, for how long. */
export type TermsChoice = {
  /** The names; `None` means all of this moment. */
  servers: Array<string> | null,
  /** Reading, or reading and writing. */
  access: AccessLevel,
  /** For how long. */
  lifetime: GrantLifetime,
};

/** A token, shown once. */
export type TokenShown = {
  /** The token. */
  token: string,
  /** Its id, to revoke it by. */
  id: string,
  /** When it ends; `None` is until revoked. */
  expires_at: string | null,
  /** The servers it may use. */
  servers: Array<string>,
};

/** What a tool does, as far as its server says. */
export type ToolKind = "reads" | "changes" | "destroys" | "unknown";

/** A tool, for the one who owns its server. */
export type ToolView = {
  /** Its name at its server. */
  name: string,
  /** What people call it. */
  title: string | null,
  /** What it does. */
  kind: ToolKind,
  /** What becomes of its calls. */
  rule: Rule,
  /** Whether the rule is the default of its kind. */
  rule_is_default: boolean,
};

/** How clients elsewhere reach this computer. */
export type TunnelKind = "off" | "own";

/** A failure: what kind, and in words what happened and what to do. */
export type UiError = {
  /** The kind. */
  code: UiErrorCode,
  /** For a person. Holds no secret. */
  message: string,
};

/** The kinds of failure, a closed list: a caller decides by these and never by the text. */
export type UiErrorCode = "invalid" | "not_found" | "conflict" | "refused" | "unavailable" | "failed";
