// A client of the authorization server, as plain as HTTP is: registers itself, and walks from the
// authorization page to the decision with nothing but redirects and a cookie jar.
//
//   node client.mjs register ISSUER REDIRECT_URI   prints the client id
//   node client.mjs authorize URL                  ends when the client's redirect was followed

import http from 'node:http';

const PATIENCE_MS = 60_000;

async function register(issuer, redirect) {
  const metadata = await (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json();
  const answer = await fetch(metadata.registration_endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: 'Conformance suite',
      redirect_uris: [redirect],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    }),
  });
  if (answer.status !== 201) throw new Error(`registration: ${answer.status} ${await answer.text()}`);
  console.log((await answer.json()).client_id);
}

/** Cookies by origin; `Path` and `Secure` make no difference here. */
class Jar {
  #cookies = new Map();

  take(url, response) {
    for (const line of response.headers['set-cookie'] ?? []) {
      const [pair] = line.split(';');
      const at = pair.indexOf('=');
      const jar = this.#cookies.get(url.origin) ?? new Map();
      jar.set(pair.slice(0, at).trim(), pair.slice(at + 1).trim());
      this.#cookies.set(url.origin, jar);
    }
  }

  header(url) {
    const jar = this.#cookies.get(url.origin) ?? new Map();
    return [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
  }
}

async function authorize(start) {
  const jar = new Jar();
  // Not `fetch`: that says of itself that it is a page's script, which the bridge does not take.
  const get = async (url) => {
    const cookie = jar.header(url);
    const response = await new Promise((resolve, reject) => {
      http.get(url, { headers: cookie ? { cookie } : {} }, resolve).on('error', reject);
    });
    const pieces = [];
    for await (const piece of response) pieces.push(piece);
    jar.take(url, response);
    return {
      status: response.statusCode,
      location: response.headers.location,
      text: Buffer.concat(pieces).toString('utf8'),
    };
  };
  const page = await get(new URL(start));
  if (page.status !== 200) throw new Error(`the authorization page answers ${page.status}`);
  const link = page.text.match(/http:\/\/127\.0\.0\.1:\d+\/approve\/[A-Za-z0-9_-]+/);
  if (!link) throw new Error('the page has no link for this computer');
  let url = new URL(link[0]);
  const issuer = new URL(start).origin;
  const end = Date.now() + PATIENCE_MS;
  while (Date.now() < end) {
    const { status, location } = await get(url);
    if (location) {
      url = new URL(location, url);
      continue;
    }
    if (status !== 200) {
      const route = url.pathname.split('/').slice(0, 3).join('/');
      throw new Error(`${route} answers ${status}`);
    }
    // The client's own page: arrived. Else the waiting page, which is asked again.
    if (url.origin !== issuer) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('nobody decided in time');
}

const [command, ...rest] = process.argv.slice(2);
if (command === 'register') await register(...rest);
else if (command === 'authorize') await authorize(...rest);
else throw new Error(`there is no command ${command}`);
