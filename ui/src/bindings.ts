// The data that crosses between the pages and the app.

export type AccessLevel = "read" | "read-write";
export type ActivityKind =
  | "call"
  | "connection_asked"
  | "connection_approved"
  | "connection_denied"
  | "connection_withdrawn"
  | "connection_ended"
  | "client_registered"
  | "bridge_opened"
  | "bridge_closed"
  | "refused";
export type ActivityView = {
  id: string;
  at: string;
  kind: ActivityKind;
  client: string | null;
  server: string | null;
  tool: string | null;
  outcome: Outcome | null;
  milliseconds: number | null;
  detail: string | null;
};
export type ApprovalKind = "connection";
export type ApprovalView = {
  id: string;
  kind: ApprovalKind;
  client: string;
  redirect_host: string;
  servers: Array<string>;
  expires_at: string;
  shown: string;
  client_kind: ClientKind;
  client_domain: string | null;
  redirect_registrable: string | null;
  redirect_known: boolean;
  redirect_loopback: boolean;
  pkce: boolean;
  scope: string;
  address: string;
  proof: Proof;
  from_address: string | null;
  from_country: string | null;
  choices: Array<ChoiceView>;
  requested_at: string;
};
export type ChecklistView = { chatgpt: Progress; claude: Progress; other: Progress };
export type ChoiceView = {
  name: string;
  title: string;
  tools: number;
  changing: number;
  asking: number;
};
export type ClientKind = "static" | "cimd" | "dcr" | "script";
export type ConfirmationAnswer = { id: string; shown: string; allow: boolean };
export type ConfirmationView = {
  id: string;
  shown: string;
  action: string;
  title: string;
  asker: string;
  details: Array<Detail>;
  expires_at: string;
};
export type ConnectionState = "pending" | "active" | "connect-again" | "damaged" | "ended";
export type ConnectionTerms = { servers: Array<string>; access: AccessLevel };
export type ConnectionView = {
  id: string;
  client: string;
  client_kind: ClientKind;
  client_domain: string | null;
  redirect_host: string | null;
  origin: string;
  servers: Array<string>;
  access: AccessLevel;
  created_at: string;
  last_used_at: string;
  expires_at: string | null;
  state: ConnectionState;
  end_reason: string | null;
};
export type Decided = { id: string; approved: boolean; servers: Array<string> };
export type Decision = { id: string; shown: string; terms: TermsChoice | null };
export type Detail = { label: string; value: string };
export type EnvVar = { name: string; value: string };
export type GrantLifetime = "1h" | "1d" | "30d" | "never";
export type Health = "idle" | "starting" | "running" | "failed";
export type KeyPlace = "keychain" | "environment" | "file";
export type Moved = { key_place: KeyPlace };
export type NewServerForm = {
  name: string;
  command_line: string;
  env: Array<EnvVar>;
  directory: string | null;
};
export type NewToken = { name: string; terms: TermsChoice; public: boolean };
export type Outcome =
  "done" | "failed" | "refused" | "asked" | "timed_out" | "unavailable" | "cancelled";
export type PairingShown = { code: string; expires_at: string; host: string };
export type PairingState = "open" | "used" | "guessed" | "expired";
export type PairingView = { state: PairingState; expires_at: string; wrong_tries: number };
export type PortsView = { loopback: number; local: number; tunnel: number };
export type Progress = {
  registered_at: string | null;
  approved_at: string | null;
  first_call_at: string | null;
};
export type Proof = "browser" | "program" | "code";
export type QuestionContent =
  | { kind: "connection"; approval: ApprovalView }
  | { kind: "confirmation"; confirmation: ConfirmationView };
export type QuestionView = {
  id: string;
  shown: string;
  waiting: number;
  expires_at: string;
  content: QuestionContent;
};
export type Rotated = { resealed: number };
export type Rule = "allow" | "ask" | "block";
export type SecretsView = { key_place: KeyPlace; warning: string | null; names: Array<string> };
export type ServerView = {
  name: string;
  enabled: boolean;
  health: Health;
  command: string;
  tools: number | null;
  last_error: string | null;
  process: number | null;
  starting_since: string | null;
  progress: string | null;
};
export type SettingsChange = {
  open_at_start: boolean | null;
  show_window_at_start: boolean | null;
  ports: PortsView | null;
  tunnel: TunnelKind | null;
  public_url: string | null;
  armed_only: boolean | null;
  known_clients_only: boolean | null;
};
export type SettingsView = {
  open_at_start: boolean;
  show_window_at_start: boolean;
  ports: PortsView;
  tunnel: TunnelKind;
  public_url: string | null;
  armed_only: boolean;
  known_clients_only: boolean;
  fixed: Array<string>;
  data_folder: string;
  log_folder: string;
  version: string;
};
export type State = "opening" | "open" | "closed" | "attention";
export type StaticClientInfo = {
  client_id: string;
  redirect_uris: Array<string>;
  authorization_url: string;
  token_url: string;
};
export type Status = {
  state: State;
  version: string;
  local_url: string;
  public_url: string | null;
  connector_url: string;
  local_port: number;
  tunnel_url: string | null;
  key_place: KeyPlace;
  warning: string | null;
  pending_approvals: number;
  connections: number;
  servers: number;
  process: number;
  data_folder: string;
  started_at: string;
  problem: UiError | null;
  tunnel: TunnelKind;
  armed_only: boolean;
  armed_until: string | null;
  missed_requests: number;
  window: boolean;
};
export type TermsChoice = {
  servers: Array<string> | null;
  access: AccessLevel;
  lifetime: GrantLifetime;
};
export type TokenShown = {
  token: string;
  id: string;
  expires_at: string | null;
  servers: Array<string>;
};
export type ToolKind = "reads" | "changes" | "destroys" | "unknown";
export type ToolView = {
  name: string;
  title: string | null;
  kind: ToolKind;
  rule: Rule;
  rule_is_default: boolean;
};
export type TunnelKind = "off" | "own";
export type UiError = { code: UiErrorCode; message: string };
export type UiErrorCode =
  "invalid" | "not_found" | "conflict" | "refused" | "unavailable" | "failed";
