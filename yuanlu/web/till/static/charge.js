// One charge after the other: its number is made and kept before anything is sent, and it is looked after until it has
// an end, through lost answers, reloads and flat batteries. The payment code is never kept: it is a secret of a minute.

import * as api from './api.js';
import * as basket from './basket.js';
import * as store from './store.js';
import { newId } from './ids.js';
import { app } from './app.js';
import { goesOut } from './guards.js';

export const POLL_MS = 1200;
export const CANCEL_AFTER_S = 15;
/** A charge is signed to be taken within so many seconds; its body may take ten more. Then "unknown" means: never. */
const EXPIRES_S = 20;
const SURELY_MS = (EXPIRES_S + 12) * 1000;
const AGAIN_WITHIN_MS = 8000;
const KEPT_MAX = 60;

/** What a screen needs to know of a state: its look, and whether anything more may come. */
export const LOOKS = {
  SENDING: { kind: 'wait', open: true },
  SENT: { kind: 'wait', open: true },
  SHOWN: { kind: 'wait', open: true },
  REVERSING: { kind: 'warn', open: true },
  CLOSING: { kind: 'warn', open: true },
  PAID: { kind: 'ok' },
  LATE_PAID: { kind: 'warn' },
  FAILED: { kind: 'bad' },
  REVERSED: { kind: 'bad' },
  CLOSED: { kind: 'bad' },
  REFUSED: { kind: 'bad' },
  NEVER: { kind: 'bad' },
  KEPT: { kind: 'ok' }, // cash that the server was not told of yet
  ASKED: { kind: 'warn' }, // money back was asked for, and that is not sent yet
};
export const isOpen = (charge) => Boolean(LOOKS[charge.state]?.open);

export let current = null; // { id, fen, sent_at, state, doubt, told, problem, by }
const hearers = new Set();
const timers = new Map();
export const watch = (hear) => { hearers.add(hear); return () => hearers.delete(hear); };

async function keep(charge) {
  await store.put('charges', charge.id, charge).catch((full) => {
    if (charge.state === 'SENDING' && !charge.doubt) throw full; // before it is sent: not without its number
  });
  hearers.forEach((hear) => hear(charge));
}

/** Charge a code, or (with `channel`) make our QR. Answers once the number is kept and the request is on its way. */
export async function take({ fen, code = '', channel, typed = false, noIdCard = false, guards = [] }) {
  const charge = { id: newId('YP', api.now()), fen, state: 'SENDING', sent_at: api.now(), doubt: false, told: null, by: app.who.account, shows: Boolean(channel), basket: basket.all() };
  current = charge;
  const wish = { id: charge.id, till: app.device.till.id, amount_fen: fen, lines: basket.sold(fen) };
  if (channel) wish.channel = channel; else Object.assign(wish, { code, typed, no_id_card: noIdCard });
  if (guards.length) wish.guards = guards;
  await keep(charge);
  send(charge, wish, code ? await goesOut(code) : () => {});
  return charge;
}

async function send(charge, wish, giveBack) {
  performance.mark(`sent-${charge.id}`);
  try {
    await heard(charge, await api.post('/v1/payments', wish, { expiresIn: EXPIRES_S, within: 12_000 }));
  } catch (trouble) {
    if (trouble instanceof api.Problem) {
      giveBack();
      await ended(charge, 'REFUSED', trouble.told);
      return;
    }
    charge.doubt = true;
    await keep(charge);
    if (api.now() - charge.sent_at < AGAIN_WITHIN_MS) setTimeout(() => isOpen(charge) && charge.doubt && resend(charge, wish, giveBack), 1000);
    look(charge, giveBack);
    return;
  }
  if (isOpen(charge)) look(charge, giveBack);
}

/** Once more under the same number: whoever heard it the first time says so, and nothing is charged twice. */
async function resend(charge, wish, giveBack) {
  clearTimeout(timers.get(charge.id));
  charge.last_at = api.now();
  await keep(charge);
  await send(charge, wish, giveBack);
}

async function heard(charge, told) {
  Object.assign(charge, { state: told.state, told, doubt: false });
  await keep(charge);
}

async function ended(charge, state, problem = null) {
  Object.assign(charge, { state, problem, doubt: false });
  await keep(charge);
}

/** Ask what became of it, again and again, until it has an end: also while the next customer is served. */
export function look(charge, giveBack = () => {}, after = POLL_MS) {
  clearTimeout(timers.get(charge.id));
  timers.set(charge.id, setTimeout(async () => {
    timers.delete(charge.id);
    await ask(charge, giveBack);
    if (isOpen(charge)) look(charge, giveBack);
  }, after));
}

async function ask(charge, giveBack = () => {}) {
  try {
    await heard(charge, await api.read(`/v1/payments/${charge.id}`, { within: 8000 }));
  } catch (trouble) {
    const isUnknown = trouble instanceof api.Problem && trouble.code === 'payment.unknown';
    if (isUnknown && api.now() - (charge.last_at ?? charge.sent_at) > SURELY_MS) {
      giveBack();
      await ended(charge, 'NEVER');
    } else if (!charge.doubt) {
      charge.doubt = true;
      await keep(charge);
    }
  }
}

export const askNow = () => current && isOpen(current) && ask(current);

/** Give it up: the server picks how. Paid meanwhile is told as paid. */
export async function cancel(charge = current) {
  try {
    await heard(charge, await api.post(`/v1/payments/${charge.id}/cancel`, {}));
  } catch (trouble) {
    if (trouble instanceof api.Problem && trouble.code === 'payment.already_paid') await ask(charge);
  }
  if (isOpen(charge)) look(charge);
}

/** Whole seconds since it was sent. */
export const waited = (charge) => Math.max(0, Math.floor((api.now() - charge.sent_at) / 1000));
export const waitsAtMost = (charge) => charge.told
  ? Math.round((Date.parse(charge.told.give_up_at) - Date.parse(charge.told.opened_at)) / 1000) : 0;

/** What was under way when the page went: looked after again, newest first. The old ones are forgotten. */
export async function resumed() {
  const kept = (await store.all('charges')).sort((one, other) => other.sent_at - one.sent_at);
  for (const old of kept.slice(KEPT_MAX)) if (!isOpen(old)) await store.drop('charges', old.id);
  const open = kept.filter(isOpen);
  for (const each of open) each.doubt = true;
  for (const each of open) look(each, undefined, 0);
  [current = null] = open;
  return current;
}

/** The latest charges of this till, as this device knows them, newest first. */
export const latest = async (most = 8) => (await store.all('charges'))
  .sort((one, other) => other.sent_at - one.sent_at).filter((each) => each.state !== 'REFUSED').slice(0, most);

/** A charge that another screen knows of: cash that was kept, money back that was asked for. */
export const marked = keep;

/** What is known anew of a payment on another screen. */
export async function noted(told) {
  const charge = await store.get('charges', told.id);
  if (charge) await heard(charge, told);
}

/** Practice begins anew: nothing of before is asked for. */
export const forget = () => { timers.forEach((each) => clearTimeout(each)); timers.clear(); current = null; };

export const done = () => {
  if (!current || isOpen(current)) return;
  for (const mark of ['sent', 'paid']) performance.clearMarks(`${mark}-${current.id}`); // a day has thousands
  current = null;
};
