// Drives the official TypeScript SDK's OAuth client; see ../README.md for the lines it speaks.
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const [url, , redirectUri] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
let requests = [];

function say(event, fields = {}) {
  process.stdout.write(`${JSON.stringify({ event, requests, ...fields })}\n`);
  requests = [];
}

async function hear() {
  const { value, done } = await lines.next();
  if (done) process.exit(0);
  return JSON.parse(value);
}

async function notingFetch(target, init) {
  const answer = await fetch(target, init);
  requests.push([init?.method ?? 'GET', new URL(target).pathname, answer.status]);
  return answer;
}

/** Keeps what the SDK wants kept, and tells the harness, whose canary must know every secret. */
const memory = {
  redirectUrl: redirectUri,
  clientMetadata: {
    client_name: 'TypeScript SDK',
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  },
  connected: false,
  state() {
    this.sentState = randomBytes(32).toString('base64url');
    return this.sentState;
  },
  clientInformation() {
    return this.client;
  },
  saveClientInformation(client) {
    this.client = client;
    say('registered', { client_id: client.client_id });
  },
  tokens() {
    return this.kept;
  },
  saveTokens(tokens) {
    this.kept = tokens;
    const { access_token, refresh_token, expires_in, scope } = tokens;
    say('tokens', { access_token, refresh_token, expires_in, scope });
  },
  redirectToAuthorization(target) {
    if (!this.connected) say('authorize', { url: String(target) });
  },
  saveCodeVerifier(verifier) {
    this.verifier = verifier;
  },
  codeVerifier() {
    return this.verifier;
  },
  saveDiscoveryState(state) {
    this.discovery = state;
  },
  discoveryState() {
    return this.discovery;
  },
  invalidateCredentials(scope) {
    if (scope === 'all' || scope === 'tokens') this.kept = undefined;
    if (scope === 'all' || scope === 'client') this.client = undefined;
  },
};

const newTransport = () =>
  new StreamableHTTPClientTransport(new URL(url), { authProvider: memory, fetch: notingFetch });
const newClient = () => new Client({ name: 'TypeScript SDK', version: '1.0.0' });

async function connect() {
  const transport = newTransport();
  try {
    await newClient().connect(transport);
    throw new Error('the server let a client in without a token');
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
  }
  const answer = new URL((await hear()).callback).searchParams;
  if (answer.get('error')) throw new Error(`the authorization was refused: ${answer}`);
  if (answer.get('state') !== memory.sentState) throw new Error('another state came back');
  await transport.finishAuth(answer.get('code'));
  const client = newClient();
  await client.connect(newTransport());
  const { tools } = await client.listTools();
  memory.connected = true;
  say('connected', { protocol: client.transport._protocolVersion, tools: tools.map((tool) => tool.name) });
  return client;
}

async function run(client, command) {
  switch (command.do) {
    case 'call': {
      const result = await client.callTool({ name: command.tool, arguments: command.arguments });
      const text = result.content.map((item) => item.text ?? '').join('');
      say('called', { text, error: Boolean(result.isError) });
      break;
    }
    case 'expire':
      // This SDK keeps no clock: it refreshes when the server refuses its access token.
      memory.kept = { ...memory.kept, access_token: `${memory.kept.access_token.slice(0, -1)}_` };
      say('expired');
      break;
    case 'revoke': {
      const endpoint = memory.discovery.authorizationServerMetadata.revocation_endpoint;
      const body = new URLSearchParams({
        token: memory.kept.refresh_token,
        client_id: memory.client.client_id,
      });
      const answer = await notingFetch(endpoint, { method: 'POST', body });
      say('revoked', { status: answer.status });
      break;
    }
    default:
      throw new Error(`unknown command ${command.do}`);
  }
}

if ((await hear()).do !== 'connect') throw new Error('the first command is connect');
const client = await connect();
for (;;) {
  const command = await hear();
  try {
    await run(client, command);
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
    say('refused');
  }
}
