// What the tests of the pages show: one of each thing, with what a test changes about it. No page
// imports it.
import type { ActivityView, ConnectionView, ServerView, SettingsView, Status } from "./ipc";

export function sampleStatus(change: Partial<Status> = {}): Status {
  return {
    state: "open",
    version: "0.1.0",
    local_url: "http://127.0.0.1:8787",
    public_url: "https://bridge.example",
    connector_url: "https://bridge.example/mcp",
    local_port: 8788,
    tunnel_url: "http://127.0.0.1:8789",
    key_place: "keychain",
    warning: null,
    pending_approvals: 0,
    connections: 1,
    servers: 2,
    process: 4242,
    data_folder: "/data/drawbridge",
    started_at: "2026-03-10T08:00:00Z",
    problem: null,
    tunnel: "own",
    armed_only: false,
    armed_until: null,
    missed_requests: 0,
    window: true,
    tray: true,
    tray_notice: false,
    ...change,
  };
}

export function sampleConnection(change: Partial<ConnectionView> = {}): ConnectionView {
  return {
    id: "grant-1",
    client: "ChatGPT",
    client_kind: "dcr",
    client_domain: null,
    redirect_host: "chatgpt.com",
    redirect_registrable: "chatgpt.com",
    origin: "https://bridge.example",
    servers: ["files"],
    access: "read",
    created_at: "2026-03-01T08:00:00Z",
    last_used_at: "2026-03-10T08:00:00Z",
    expires_at: null,
    lifetime: "never",
    unused_until: "2026-04-09T08:00:00Z",
    state: "active",
    end_reason: null,
    ...change,
  };
}

export function sampleServer(name: string, change: Partial<ServerView> = {}): ServerView {
  return {
    name,
    enabled: true,
    health: "running",
    command: "npx",
    tools: 3,
    last_error: null,
    process: 99,
    starting_since: null,
    progress: null,
    ...change,
  };
}

export function sampleActivity(change: Partial<ActivityView> = {}): ActivityView {
  return {
    id: "1",
    at: "2026-03-10T09:00:00Z",
    kind: "call",
    client: "ChatGPT",
    server: "notion",
    tool: "search",
    outcome: "done",
    milliseconds: 120,
    detail: null,
    ...change,
  };
}

export function sampleSettings(change: Partial<SettingsView> = {}): SettingsView {
  return {
    open_at_start: true,
    show_window_at_start: true,
    ports: { loopback: 8787, local: 8788, tunnel: 8789 },
    tunnel: "own",
    public_url: "https://bridge.example",
    armed_only: false,
    known_clients_only: false,
    fixed: [],
    data_folder: "/data/drawbridge",
    log_folder: "/data/drawbridge/logs",
    version: "0.1.0",
    ...change,
  };
}
