// The public API, and the signature without which a till's token opens nothing (RFC 9421, docs/reference/keys.md).

/** A clear no of the server. `code` is stable; `title` is for people. */
export class Problem extends Error {
  constructor(status, told) {
    super(told.code ?? `http.${status}`);
    Object.assign(this, { status, code: told.code ?? `http.${status}`, told });
  }
}

/** No word: nobody knows whether it was heard. */
export class Away extends Error {}

const text = new TextEncoder();
const base64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
const url64 = (bytes) => base64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

let device = null; // { token, keyId, key, till }
let session = ''; // the token of who works here; without one the till's own
const DATE_OLD_MS = 3000; // `Date` has whole seconds, and a busy server renews it late
let late = 0; // how far our clock is behind the server's, in milliseconds
const hearers = { net: new Set(), out: new Set() };

let apart = null; // practice: what carries a call instead of `fetch`, unsigned
export const instead = (way) => { apart = way; };

export const net = { online: navigator.onLine, heard: false }; // `heard`: the server's clock is known
export const onNet = (hear) => { hearers.net.add(hear); return () => hearers.net.delete(hear); };
export const onSignedOut = (hear) => hearers.out.add(hear);
export const be = (known) => { device = known; };
export const actAs = (token) => { session = token; };
/** The last things asked and what became of them, without what was in them: a ticket has them with it. */
export const trail = [];
function noted(method, target, became) {
  trail.push(`${new Date(now()).toISOString()} ${method} ${target.split('?')[0]} ${became}`);
  if (trail.length > 80) trail.shift();
}
/** The server's time in milliseconds, as near as we know it: tills have wrong clocks. */
export const now = () => Date.now() + late;

function reached(is) {
  if (net.online === is) return;
  net.online = is;
  hearers.net.forEach((hear) => hear(is));
}
addEventListener('online', () => reached(true));
addEventListener('offline', () => reached(false));

/** A key pair that never leaves this browser, and its public half as the server wants it. */
export async function newKey() {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);
  return { key: pair.privateKey, spki: base64(await crypto.subtle.exportKey('spki', pair.publicKey)) };
}

async function signed(method, path, query, body, token, expiresIn) {
  const headers = { authorization: `Bearer ${token}` };
  const parts = ['@method', '@authority', '@path', '@query', 'authorization'];
  const values = [method, location.host.toLowerCase(), path, `?${query}`, headers.authorization];
  if (body) {
    headers['content-digest'] = `sha-256=:${base64(await crypto.subtle.digest('SHA-256', text.encode(body)))}:`;
    parts.push('content-digest');
    values.push(headers['content-digest']);
  }
  const created = Math.floor(now() / 1000);
  const nonce = url64(crypto.getRandomValues(new Uint8Array(16)));
  const params = `(${parts.map((part) => `"${part}"`).join(' ')});created=${created}`
    + `${expiresIn ? `;expires=${created + expiresIn}` : ''};nonce="${nonce}";keyid="${device.keyId}"`;
  const base = [...parts.map((part, place) => `"${part}": ${values[place]}`), `"@signature-params": ${params}`].join('\n');
  const proof = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, device.key, text.encode(base));
  return { ...headers, 'signature-input': `till=${params}`, signature: `till=:${base64(proof)}:` };
}

/**
 * Ask the API. `as`: another token than that of who works here; 'till' is the till's own; '' asks without any.
 * `expiresIn`: seconds after which the server takes this very request no more. `raw`: the answer as text, or (`bytes`) as { bytes, headers }.
 * Throws Problem (the server said no) or Away (nobody knows).
 */
export async function call(method, target, wish, { as, expiresIn, stepUp, within = 15_000, raw = false, again = true } = {}) {
  const carry = apart?.(target);
  const [path, query = ''] = target.split('?');
  const body = wish === undefined ? '' : JSON.stringify(wish);
  const token = as === 'till' ? device?.token : as ?? (session || device?.token);
  const headers = token && device && !carry ? await signed(method, path, query, body, token, expiresIn) : {};
  if (token && !device) headers.authorization = `Bearer ${token}`;
  if (body) headers['content-type'] = 'application/json';
  if (stepUp) headers['step-up'] = stepUp;
  const asked = Date.now();
  let answer;
  let told;
  try {
    answer = await (carry ?? fetch)(target, { method, headers, body: body || undefined, cache: 'no-store', signal: AbortSignal.timeout(within) });
    if (raw === 'bytes' && answer.ok) told = { bytes: new Uint8Array(await answer.arrayBuffer()), headers: answer.headers };
    else told = raw && answer.ok ? await answer.text() : await answer.json();
  } catch (trouble) {
    reached(navigator.onLine && trouble?.name === 'TimeoutError');
    noted(method, target, `away ${trouble?.name}`);
    throw new Away(String(trouble?.name));
  }
  reached(true);
  noted(method, target, `${answer.status} ${answer.ok ? '' : told.code ?? ''} ${answer.headers.get('x-request-id') ?? ''}`);
  const said = Date.parse(answer.headers.get('date') ?? '');
  net.heard ||= said > 0;
  if (said) late = Math.min(Math.max(late, said - Date.now()), said + DATE_OLD_MS - asked); // it was said in between
  if (answer.ok) return told;
  if (answer.status >= 500) throw new Away(told.code ?? String(answer.status));
  if (told.code === 'signature.too_old' && again) return call(method, target, wish, { as, expiresIn, stepUp, within, raw, again: false });
  if (told.code === 'auth.key_invalid' && token === session && session) hearers.out.forEach((hear) => hear());
  throw new Problem(answer.status, told);
}

export const read = (target, more) => call('GET', target, undefined, more);
export const post = (target, wish, more) => call('POST', target, wish, more);
