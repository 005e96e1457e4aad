// What may wait for a network: kept with its number first, sent in order, one at a time, by one page of all that are
// open (a lock of the browser's). What is not answered stays; what is clearly refused stays too and says why.

import * as api from './api.js';
import * as charge from './charge.js';
import * as store from './store.js';
import { app } from './app.js';

/**
 * What may wait. `stays`: refused, it is kept for people to see. `own`: it stands under a name, so it is sent by that
 * person alone; all else goes out whoever works here, as the till itself where it is another.
 */
const KINDS = {
  cash: { stays: true },
  case: { stays: true, own: true },
  print: { stays: true },
  asked: {},
  drill: { own: true },
};
const NOT_NOW = [401, 408, 425, 429];
const wire = new BroadcastChannel('yuanlu-outbox');
const hearers = new Set();

/** Hear that something came, went or changed here or on another page: `{ sent }`, how many that had waited went out. */
export const watch = (hear) => { hearers.add(hear); return () => hearers.delete(hear); };
wire.onmessage = ({ data }) => hearers.forEach((hear) => hear(data));
function tell(told = { sent: 0 }) {
  wire.postMessage(told);
  hearers.forEach((hear) => hear(told));
}

/** What waits, oldest first; questions of guards only if asked for. */
export async function waiting({ all = false } = {}) {
  const kept = (await store.all('outbox')).filter((each) => all || KINDS[each.kind].stays);
  return kept.sort((one, other) => one.at - other.at || (one.key < other.key ? -1 : 1));
}

/** Why this one is not sent now: 'refused', 'person', 'net', or '' where it is about to be. */
export const why = (each) => (each.problem ? 'refused' : KINDS[each.kind].own && each.by !== app.who?.account ? 'person'
  : api.net.online ? '' : 'net');

/**
 * Keep a wish, and send it when that can be; answers once it is on the disk, and throws where the disk is full. Saying
 * one again takes the place of the first. `at`: our time, by the server's clock where that was heard (`sure`). `road`: how
 * this till reaches its own printer.
 */
export async function keep(kind, path, wish, { fen = 0, send = true, road } = {}) {
  const { account: by = '', name = '' } = app.who ?? {};
  const entry = { key: wish.id, kind, path, wish, fen, road, by, name, at: api.now(), sure: api.net.heard, rev: crypto.randomUUID(), late: !api.net.online };
  await store.put('outbox', entry.key, entry);
  tell();
  if (send) drain();
  return entry;
}

export const drop = (entry) => store.change('outbox', entry.key, (now) => (now?.rev === entry.rev ? undefined : now)).then(() => tell());

/** Try all again, what was refused too. */
export async function retry() {
  for (const each of await waiting()) await store.change('outbox', each.key, (now) => now && { ...now, problem: undefined });
  await drain();
}

let running = null;
let more = false;
let carrying = Promise.resolve(); // slips, one by one: no printer holds up money

/** Send what can be sent. One page does; the others wait for its lock, and find nothing left. */
export function drain() {
  more = true;
  running ??= navigator.locks.request('yuanlu-outbox', pass).catch((no) => console.warn('outbox', no))
    .finally(() => { running = null; if (more) drain(); });
  return running;
}

async function pass() {
  const tried = new Set();
  let sent = 0;
  try {
    while (more) {
      more = false;
      for (const each of await waiting({ all: true })) {
        if (tried.has(each.rev) || ['refused', 'person'].includes(why(each))) continue;
        if (!tried.size) await api.read('/healthz', { as: '', within: 5000 }); // is there a network, and what time is it?
        tried.add(each.rev);
        if (await send(each) && each.late && KINDS[each.kind].stays) sent += 1;
      }
    }
  } catch (trouble) {
    if (!(trouble instanceof api.Away)) throw trouble;
  } finally {
    if (tried.size) tell({ sent });
  }
}

/** Send one. Gives whether it was taken; throws Away where nobody knows. */
async function send(entry) {
  const wish = { ...entry.wish };
  // told at once, the server's own clock counts: ours may be seconds off, and a shift may open or close in these
  if (entry.kind === 'cash' && entry.late) wish.taken_at = new Date(entry.at + (entry.sure ? 0 : api.now() - Date.now())).toISOString();
  try {
    const told = await api.post(entry.path, wish, entry.by === app.who?.account ? {} : { as: 'till' });
    await drop(entry);
    await noted(entry, told).catch(() => {}); // the strip asks again by itself
    return true;
  } catch (trouble) {
    const isNo = trouble instanceof api.Problem && !NOT_NOW.includes(trouble.status);
    if (isNo && !KINDS[entry.kind].stays) await drop(entry);
    else await store.change('outbox', entry.key, (now) => (now?.rev !== entry.rev ? now : { ...now, late: true, problem: isNo ? trouble.told : undefined, held: isNo ? undefined : trouble.told }));
    if (isNo) return false;
    throw trouble instanceof api.Problem ? new api.Away(trouble.code) : trouble;
  }
}

/** What the server said of it, for the strip of the pad; and what it prints by this till's own printer. */
async function noted(entry, told) {
  if (entry.kind === 'cash') await charge.noted(told);
  if (entry.kind === 'case') await charge.noted(await api.read(`/v1/payments/${entry.wish.payment}`));
  if (entry.road && told.via === 'till') carrying = carrying.then(() => import('./print.js')).then((print) => print.carry(told.id, entry.road)).catch(() => {});
}

/** Look after it from now on: at the start, when the network is back, and every half minute. */
export function lookAfter() {
  api.onNet((is) => is && drain());
  setInterval(() => api.net.online && drain(), 30_000);
  drain();
}
