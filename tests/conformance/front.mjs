// Stands between the conformance suite and Drawbridge: adds the access token, which the suite cannot
// send, and takes the server's name off the tools' names, which the suite knows only bare. All else
// passes as it is.
//
//   FRONT_TOKEN=… node front.mjs http://127.0.0.1:PORT PREFIX   prints its own port
import http from 'node:http';

const upstream = new URL(process.argv[2]);
const prefix = process.argv[3] ?? '';
const token = process.env.FRONT_TOKEN;
if (!token) throw new Error('FRONT_TOKEN is not set');

const prefixed = (name) => (name.startsWith(prefix) ? name : prefix + name);
const bare = (name) => (name.startsWith(prefix) ? name.slice(prefix.length) : name);

function parse(bytes) {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

async function read(stream) {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

const front = http.createServer(async (request, response) => {
  let body = await read(request);
  const message = parse(body);
  const headers = { ...request.headers, authorization: `Bearer ${token}` };
  delete headers['content-length'];
  // Our own address becomes Drawbridge's; any other is the suite's attempt and goes through.
  const own = `:${front.address().port}`;
  for (const name of ['host', 'origin']) {
    if (headers[name]?.endsWith(own)) {
      headers[name] = headers[name].slice(0, -own.length) + `:${upstream.port}`;
    }
  }
  if (message?.method === 'tools/call' && typeof message.params?.name === 'string') {
    message.params.name = prefixed(message.params.name);
    body = Buffer.from(JSON.stringify(message));
  }
  const name = headers['mcp-name'];
  if (headers['mcp-method'] === 'tools/call' && name && !name.startsWith('=?base64?')) {
    headers['mcp-name'] = prefixed(name);
  }
  const forwarded = http.request(
    { host: upstream.hostname, port: upstream.port, path: request.url, method: request.method, headers },
    async (answer) => {
      const type = answer.headers['content-type'] ?? '';
      if (message?.method !== 'tools/list' || !type.startsWith('application/json')) {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
        return;
      }
      const bytes = await read(answer);
      const list = parse(bytes);
      for (const tool of list?.result?.tools ?? []) tool.name = bare(tool.name);
      const text = list === undefined ? bytes : Buffer.from(JSON.stringify(list));
      response.writeHead(answer.statusCode, { ...answer.headers, 'content-length': text.length });
      response.end(text);
    },
  );
  forwarded.on('error', () => response.destroy());
  // A client that closes its stream cancels its request.
  response.on('close', () => forwarded.destroy());
  forwarded.end(body);
});

front.listen(0, '127.0.0.1', () => console.log(front.address().port));
