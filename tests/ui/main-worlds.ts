// The main window's fake app: a house with a few guests, and what tests change about it.
import type {
  ActivityView,
  ConnectionView,
  SecretsView,
  ServerView,
  SettingsView,
  StaticClientInfo,
  Status,
  ToolView,
} from "../../ui/src/ipc";
import {
  sampleActivity,
  sampleConnection,
  sampleServer,
  sampleSettings,
  sampleStatus,
} from "../../ui/src/samples";
import { refuse, type MainApp } from "./app";
import { ago, HOSTILE, inSeconds, LONG_HOST, NOTION_TOOLS } from "./worlds";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** All that the app knows; tests say only what is different. */
export interface House {
  status: Partial<Status>;
  servers: ServerView[];
  tools: ToolView[];
  log: string[];
  connections: ConnectionView[];
  activity: ActivityView[];
  settings: Partial<SettingsView>;
  secrets: SecretsView;
  staticClient: StaticClientInfo | null;
  startAtLogin: boolean;
}

export function server(name: string, changes: Partial<ServerView> = {}): ServerView {
  return sampleServer(name, { process: 4711, ...changes });
}

export function connection(changes: Partial<ConnectionView> = {}): ConnectionView {
  return sampleConnection({
    id: "G-1",
    client_kind: "cimd",
    client_domain: "chatgpt.com",
    origin: "https://bridge.example.org",
    servers: ["notion"],
    created_at: ago(9 * DAY),
    last_used_at: ago(2 * MINUTE),
    unused_until: inSeconds(30 * DAY),
    ...changes,
  });
}

export function event(id: number, changes: Partial<ActivityView> = {}): ActivityView {
  return sampleActivity({ id: String(id), at: ago(id * 7 * MINUTE), ...changes });
}

export const STATIC_CLIENT: StaticClientInfo = {
  client_id: "drawbridge-static",
  redirect_uris: ["https://client.example/oauth/callback"],
  authorization_url: "https://bridge.example.org/oauth/authorize",
  token_url: "https://bridge.example.org/oauth/token",
};

export const MANY_SERVERS: ServerView[] = [
  server("notion", { tools: 8 }),
  server("files", { tools: 14, command: "secure-filesystem" }),
  server("slow", {
    health: "starting",
    tools: null,
    starting_since: ago(64),
    progress: "npm: fetching 12 of 48 packages",
  }),
  server("broken", {
    health: "failed",
    tools: null,
    process: null,
    last_error: `it ended with code 1: Error: Cannot find module ‘left-pad’ ${HOSTILE.word}`,
  }),
  server("resting", { health: "idle", tools: 3, process: null }),
  server("off", { enabled: false, health: "idle", process: null, command: "docker" }),
  server("a-server-with-the-longest-name-32", { tools: 1 }),
];

export const MANY_CONNECTIONS: ConnectionView[] = [
  connection({ servers: ["notion", "files"], access: "read-write" }),
  connection({
    id: "G-2",
    client: "Claude",
    redirect_host: "claude.ai",
    redirect_registrable: "claude.ai",
    client_domain: "claude.ai",
    lifetime: "30d",
    expires_at: inSeconds(12 * DAY),
    state: "connect-again",
  }),
  connection({
    id: "G-3",
    client: "Cursor",
    client_kind: "dcr",
    client_domain: null,
    redirect_host: "127.0.0.1:33418",
    redirect_registrable: null,
    origin: "loopback",
    state: "pending",
  }),
  connection({
    id: "G-4",
    client: "backup script",
    client_kind: "script",
    client_domain: null,
    redirect_host: null,
    redirect_registrable: null,
    origin: "loopback",
    expires_at: inSeconds(25 * DAY),
    unused_until: null,
    lifetime: "30d",
  }),
  connection({
    id: "G-5",
    client: HOSTILE.bidi,
    client_kind: "dcr",
    client_domain: null,
    redirect_host: LONG_HOST,
    redirect_registrable: "evil-host.dev",
    servers: MANY_SERVERS.map(({ name }) => name),
  }),
  connection({ id: "G-6", client: HOSTILE.long, state: "damaged", servers: [] }),
];

export const ENDED: ConnectionView = connection({
  id: "G-9",
  client: "Inspector",
  redirect_host: "127.0.0.1:6274",
  redirect_registrable: null,
  state: "ended",
  unused_until: null,
  end_reason: "refresh-token-reuse",
});

export const MANY_EVENTS: ActivityView[] = [
  event(0, { tool: "search", milliseconds: 84 }),
  event(1, { tool: "create_page", outcome: "asked", milliseconds: 3 }),
  event(2, { tool: "trash_page", outcome: "refused", milliseconds: 1 }),
  event(3, { tool: "query_database", outcome: "timed_out", milliseconds: 60_000 }),
  event(4, { client: HOSTILE.bidi, tool: HOSTILE.word, server: "files", outcome: "failed" }),
  event(5, {
    kind: "connection_approved",
    tool: null,
    outcome: null,
    milliseconds: null,
    detail: "notion, read, until revoked",
  }),
  event(6, {
    kind: "connection_asked",
    client: HOSTILE.markup,
    server: null,
    tool: null,
    outcome: null,
    milliseconds: null,
    detail: LONG_HOST,
  }),
  event(7, {
    kind: "refused",
    client: null,
    server: null,
    tool: null,
    outcome: null,
    milliseconds: null,
    detail: "too many at once",
  }),
  event(8, {
    kind: "pairing_guessed",
    client: null,
    server: null,
    tool: null,
    outcome: null,
    milliseconds: null,
  }),
  event(9, {
    kind: "server_failed",
    client: null,
    server: "broken",
    tool: null,
    outcome: null,
    milliseconds: null,
    detail: HOSTILE.long,
  }),
  event(10, {
    kind: "bridge_opened",
    client: null,
    server: null,
    tool: null,
    outcome: null,
    milliseconds: null,
  }),
  ...Array.from({ length: 30 }, (_, at) => event(200 + at * 20, { milliseconds: 20 + at })),
];

/** A calm house: two servers, one connection, open to the internet. */
export function calm(): House {
  return {
    status: {
      public_url: "https://bridge.example.org",
      connector_url: "https://bridge.example.org/mcp",
      data_folder: "/home/ada/.local/share/drawbridge",
      started_at: ago(2 * HOUR),
    },
    servers: MANY_SERVERS.slice(0, 2),
    tools: NOTION_TOOLS,
    log: ["starting", "listening on stdio", "Ready. 8 tools."],
    connections: [connection()],
    activity: MANY_EVENTS.slice(0, 6),
    settings: {
      public_url: "https://bridge.example.org",
      data_folder: "/home/ada/.local/share/drawbridge",
      log_folder: "/home/ada/.local/state/drawbridge/log",
    },
    secrets: {
      key_place: "keychain",
      warning: null,
      names: ["notion API_TOKEN", "client secret of the client typed in by hand"],
    },
    staticClient: STATIC_CLIENT,
    startAtLogin: false,
  };
}

/** Before anything was done. */
export function firstDay(): House {
  return {
    ...calm(),
    status: {
      tunnel: "off",
      tunnel_url: null,
      public_url: null,
      connector_url: "http://127.0.0.1:8787/mcp",
    },
    servers: [],
    connections: [],
    activity: [],
    settings: { tunnel: "off", public_url: null },
    secrets: { key_place: "keychain", warning: null, names: [] },
    staticClient: null,
  };
}

/** The app of this house; some of its answers replaced. */
export function mainApp(house: House = calm(), changes: Partial<MainApp> = {}): MainApp {
  const state = () =>
    sampleStatus({
      connections: house.connections.filter(({ state }) => state !== "ended").length,
      servers: house.servers.length,
      ...house.status,
    });
  const progress = (age: number) => ({
    registered_at: ago(age),
    approved_at: age > 100 ? ago(age - 60) : null,
    first_call_at: age > 10_000 ? ago(age - 90) : null,
  });
  const nothing = { registered_at: null, approved_at: null, first_call_at: null };
  const found = <Thing>(thing: Thing | undefined): Thing =>
    thing ?? refuse("not_found", "There is no such thing any more. Look at the list again.");
  const settings = () => sampleSettings(house.settings);

  return {
    status: state,
    retry_start: () => {},
    open_bridge: () => void (house.status = { ...house.status, state: "open", problem: null }),
    close_bridge: () => void (house.status = { ...house.status, state: "closed" }),
    checklist: () =>
      house.connections.length === 0
        ? { chatgpt: nothing, claude: nothing, other: nothing }
        : { chatgpt: progress(9 * DAY), claude: progress(300), other: nothing },
    copy_text: () => {},

    static_client: () => house.staticClient,
    create_static_client: () => (house.staticClient = STATIC_CLIENT),
    remove_static_client: () => void (house.staticClient = null),
    add_static_redirect: () => STATIC_CLIENT,
    remove_static_redirect: () => STATIC_CLIENT,
    reveal_static_client_secret: () => "dbs_9fK2vQ7LxW0bT5yN8mR3cH6jP1zE4uGa",
    copy_static_client_secret: () => {},

    servers: () => house.servers,
    add_server: ({ server: form }) => {
      const added = server(form.name, {
        health: "starting",
        tools: null,
        starting_since: ago(2),
        progress: "fetching",
      });
      house.servers = [...house.servers, added];
      return added;
    },
    remove_server: ({ name }) => {
      house.servers = house.servers.filter((each) => each.name !== name);
    },
    enable_server: ({ name, enabled }) => {
      house.servers = house.servers.map((each) =>
        each.name === name ? { ...each, enabled } : each,
      );
      return found(house.servers.find((each) => each.name === name));
    },
    tools: () => house.tools,
    server_log: () => house.log,

    connections: ({ ended }) => house.connections.filter(({ state }) => ended || state !== "ended"),
    edit_connection: ({ id, terms }) => {
      house.connections = house.connections.map((each) =>
        each.id === id ? { ...each, ...terms } : each,
      );
      return found(house.connections.find((each) => each.id === id));
    },
    revoke: ({ id }) => {
      house.connections = house.connections.filter((each) => each.id !== id);
    },
    revoke_all: () => {
      const { length } = house.connections;
      house.connections = [];
      return length;
    },
    create_token: ({ token }) => ({
      token: "dbt_4tZ8qLmX2vB7nK5cR9wE3yH6uJ1sP0aD",
      id: "G-77",
      expires_at: inSeconds(30 * DAY),
      servers: token.terms.servers ?? [],
    }),
    pair: () => ({
      code: "KM4TX9QR",
      expires_at: inSeconds(587),
      host: "https://bridge.example.org",
    }),
    pairing: () => ({ state: "open", expires_at: inSeconds(587), wrong_tries: 0 }),
    end_pairing: () => {},

    activity: ({ limit }) => house.activity.slice(0, limit),

    settings,
    change_settings: ({ change }) => {
      const named = Object.entries(change).filter(([, value]) => value !== null);
      house.settings = { ...house.settings, ...Object.fromEntries(named) };
      return settings();
    },
    start_at_login: () => house.startAtLogin,
    set_start_at_login: ({ on }) => void (house.startAtLogin = on),
    secrets: () => house.secrets,
    rotate_secrets: () => ({ resealed: house.secrets.names.length }),
    move_key: () => ({ key_place: "file" }),
    erase_everything: () => {},
    open_data_folder: () => {},

    show_question: () => {},
    arm: () => inSeconds(600),
    quit: () => {},
    shown_view: () => null,
    ...changes,
  };
}
