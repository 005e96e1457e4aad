// Who works at this till: signing in by PIN or passkey, changing over, locking.

import * as api from './api.js';
import * as store from './store.js';
import { app, go } from './app.js';

export const LOCK_MS = 5 * 60_000;

/** Those who may work here, as last heard: kept, so names are there without a network. */
export async function listed() {
  try {
    const told = await api.read(`/v1/tills/${app.device.till.id}/people`, { as: 'till' });
    await store.put('state', 'people', told.items);
    return told.items;
  } catch (trouble) {
    if (!(trouble instanceof api.Away)) throw trouble;
    return (await store.get('state', 'people')) ?? [];
  }
}

/** The name of an account: of who is not (or no longer) listed, nothing. */
export async function nameOf(account) {
  return ((await store.get('state', 'people')) ?? []).find((each) => each.account === account)?.name ?? '';
}

async function entered(person, told) {
  app.who = { account: person.account, name: person.name, role: person.role, token: told.token, ends_at: told.ends_at };
  api.actAs(told.token);
  await store.put('state', 'who', app.who);
  touched();
}

export async function byPin(person, pin) {
  await entered(person, await api.post('/v1/sessions/pin', { account: person.account, pin }, { as: 'till' }));
}

/** What a passkey answers to what the server asks. */
export async function finger(options) {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  const credential = await navigator.credentials.get({ publicKey });
  return JSON.stringify(credential.toJSON());
}

/** A session by passkey, for whoever signs in, or for a manager who only says yes. */
export async function passkeySession(account) {
  const { options } = await api.post('/v1/sessions/passkey/options', { account }, { as: '' });
  return api.post('/v1/sessions/passkey', { account, credential: await finger(options) }, { as: '' });
}

export async function byPasskey(person) {
  await entered(person, await passkeySession(person.account));
}

/** A step-up for exactly what a problem `step_up.needed` names. */
export async function stepUp(problem, token) {
  const { verb, object, amount_fen = 0, payee = '' } = problem.told;
  const act = { verb, object, amount_fen, payee };
  const { options } = await api.post('/v1/step-ups/options', act, { as: token });
  return (await api.post('/v1/step-ups', { ...act, credential: await finger(options) }, { as: token })).id;
}

/** Take up again who was here before a reload, while their session lasts and the lock has not come. */
export async function resumed() {
  const who = await store.get('state', 'who');
  const seen = (await store.get('state', 'seen')) ?? 0;
  if (!who || Date.parse(who.ends_at) <= api.now() || Date.now() - seen > LOCK_MS) return false;
  app.who = who;
  api.actAs(who.token);
  return true;
}

export async function forgotten() {
  app.who = null;
  api.actAs('');
  await store.drop('state', 'who');
}

let lastTouch = Date.now();
let lastKept = 0;

export function touched() {
  lastTouch = Date.now();
  if (lastTouch - lastKept < 10_000) return;
  lastKept = lastTouch;
  store.put('state', 'seen', lastTouch);
}

/** Lock after five quiet minutes; a charge under way is not cut off by it: it is looked after all the same. */
export function watch() {
  for (const kind of ['pointerdown', 'keydown']) addEventListener(kind, touched, { passive: true, capture: true });
  setInterval(() => {
    if (app.who && app.screen !== 'signin' && Date.now() - lastTouch > LOCK_MS) go('signin', { locked: true });
  }, 1000);
}
