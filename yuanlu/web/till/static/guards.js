// What may be wrong with an amount, asked of the server while it stands on the pad: so nothing waits after a scan
// (docs/reference/catalog.md). Of what it found at most one asks, once; the rest stands beside the amount.

import * as api from './api.js';
import * as basket from './basket.js';
import * as outbox from './outbox.js';
import { app } from './app.js';
import { newId } from './ids.js';

const STILL_MS = 150;
const AGAIN_MAX_MS = 600_000; // the longest that a store may let the same code be asked about
const SENT_MAX = 200; // nobody takes more payments than that in so long
let timer = 0;
let kept = { of: '', at: 0, findings: [] }; // `of`: the amount and the basket they are about
let again = null; // what to ask about a code that was sent a moment ago
const about = (fen) => JSON.stringify([fen, basket.wish()]);
const sent = new Map(); // SHA-256 of codes that went out, and when; in memory only

/** The amount changed: once it stands still, ask. `hear` is told the findings. */
export function look(fen, hear) {
  clearTimeout(timer);
  const of = about(fen);
  if (kept.of !== of) kept = { of, at: 0, findings: [] };
  if (!fen) return;
  timer = setTimeout(async () => {
    try {
      const told = await api.post('/v1/guards', { till: app.device.till.id, amount_fen: fen, lines: basket.wish() }, { within: 5000 });
      again = told.scanned_again;
      if (kept.of === of) kept = { of, at: api.now(), findings: told.findings };
      hear();
    } catch { /* a guard never makes anybody wait */ }
  }, STILL_MS);
}

/** What was found about exactly this amount and basket and still counts, the likeliest first. */
export const found = (fen) => (kept.of !== about(fen) ? []
  : kept.findings.filter((each) => each.seconds === null || api.now() - kept.at < each.seconds * 1000));

const digest = async (code) => Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(code)))).join();

/** Remember that a code went out; gives what forgets it, should it never have arrived. */
export async function goesOut(code) {
  const mark = await digest(code);
  for (const [old, at] of sent) if (api.now() - at > AGAIN_MAX_MS) sent.delete(old);
  while (sent.size >= SENT_MAX) sent.delete(sent.keys().next().value);
  sent.set(mark, api.now());
  return () => sent.delete(mark);
}

/** What asks before this amount is charged with this code; null: nothing does. */
export async function question(fen, code) {
  const at = sent.get(await digest(code));
  const seconds = again?.seconds ?? 120;
  if (at && api.now() - at < seconds * 1000) return again ?? { guard: '', again: true };
  return found(fen).find((each) => each.asks) ?? null;
}

/** A question was shown: gives what keeps its answer. */
export function shown({ guard, expected_fen }, fen) {
  const ask = { id: newId('ZQ', api.now()), till: app.device.till.id, guard, amount_fen: fen, expected_fen };
  const keep = (wish) => outbox.keep('asked', '/v1/guards/asked', wish).catch(() => {}); // a full disk loses a count, no sale
  keep(ask);
  return (reply, sale = '') => keep({ ...ask, reply, sale });
}
