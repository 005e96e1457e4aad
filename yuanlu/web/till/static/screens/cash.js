// Cash: what was handed over and the change; and cash that goes back out of the drawer.

import * as api from '../api.js';
import * as basket from '../basket.js';
import * as charge from '../charge.js';
import * as guards from '../guards.js';
import * as outbox from '../outbox.js';
import { app, backBar, begin, go, onLeave, typing } from '../app.js';
import { broken, button, h, heading, icon } from '../dom.js';
import { fenOf, keyed, keyedOf, onPad, shown } from '../money.js';
import { newId } from '../ids.js';
import { lang, lines, said, say } from '../words.js';
import { headline } from './parts.js';
import { missing } from './shifts.js';
import { play } from '../tones.js';

const SUCCESS_MS = 3000;
const NOTES_FEN = [1000, 5000, 10_000];

/** What people hand over for this amount: the next round sums, at most three. */
export const handedFor = (fen) => [...new Set(NOTES_FEN.map((note) => Math.ceil(fen / note) * note))]
  .filter((each) => each > fen).sort((one, other) => one - other).slice(0, 3);

/** A pad of the keys 0 to 9 and the point, for a text of its own. */
export const keys = (press) => h('div', { class: 'pad pin', role: 'group', 'aria-label': say('till.keys') },
  [...'123456789.0'].map((each) => h('button', { type: 'button', class: 'key', onclick: () => press(each) }, each)),
  h('button', { type: 'button', class: 'key quiet', 'aria-label': say('till.key_back'), onclick: () => press('back') }, icon('backspace')));

export async function cash({ confirmed = [], asked = false }) {
  const fen = fenOf(app.text);
  const ask = !asked && guards.found(fen).find((each) => each.asks);
  if (ask) return go('question', { ask, fen, charged: (guard) => { go('cash', { confirmed: [guard], asked: true }); return ''; } });
  if (await missing()) return go('open', { then: () => go('cash', { confirmed, asked: true }) });
  let text = '';
  let isPicked = false; // a sum of the tiles: the next key begins anew
  let busy = false;
  const handed = h('dd', { class: 'num' });
  const change = h('dd', { 'aria-live': 'polite' });
  const differs = h('dt');
  const confirm = button('', () => took(), { kind: 'main wide', sign: 'cash' });
  const tiles = [fen, ...handedFor(fen)].map((each) => h('button', { type: 'button', class: 'tile', onclick: () => { text = keyedOf(each); isPicked = true; tell(); } },
    h('span', {}, each === fen ? say('till.exact') : shown(each).replace(/\.00$/, ''))));

  const handedFen = () => (text ? fenOf(text) : fen);
  function tell() {
    const over = handedFen() - fen;
    handed.textContent = text ? `¥${onPad(text)}` : shown(fen);
    change.textContent = shown(Math.abs(over));
    change.className = over < 0 ? 'num change error' : 'num change';
    differs.textContent = say(over < 0 ? 'till.cash_short' : 'till.change_back');
    tiles.forEach((tile, place) => tile.setAttribute('aria-pressed', String(handedFen() === [fen, ...handedFor(fen)][place])));
    confirm.disabled = over < 0 || busy;
    confirm.lastChild.textContent = over > 0 ? say('till.cash_do_change', { amount: shown(handedFen()), change: shown(over) }) : say('till.cash_do', { amount: shown(handedFen()) });
  }
  async function took() {
    busy = true;
    tell();
    const wish = { id: newId('YP', api.now()), till: app.device.till.id, amount_fen: fen, channel: 'cash', handed_fen: handedFen(), lines: basket.sold(fen) };
    if (confirmed.length) wish.guards = confirmed;
    const kept = await outbox.keep('cash', '/v1/payments', wish, { fen, send: false });
    const at = new Date(kept.at).toISOString();
    const told = { id: wish.id, state: 'PAID', channel: 'cash', amount_fen: fen, back_fen: 0, rest_fen: fen, opened_at: at, opened_by: kept.by };
    await charge.marked({ id: wish.id, fen, state: 'KEPT', sent_at: kept.at, by: kept.by, told });
    outbox.drain();
    basket.set([]);
    go('taken', { kept, told, change: handedFen() - fen });
  }
  const put = (now, picked) => { [text, isPicked] = [now, picked]; tell(); };
  const press = (key) => { const was = [text, isPicked]; put(keyed(isPicked ? '' : text, key), false); return () => put(...was); };
  app.type = typing(press);
  tell();
  return [
    backBar(say('till.take_cash')),
    h('main', {},
      h('div', { class: 'scroll narrow' },
        h('div', { class: 'card' }, h('p', { class: 'meta' }, say('till.to_pay')), h('p', { class: 'sum' }, shown(fen)),
          h('dl', {}, h('div', { class: 'pair' }, h('dt', {}, say('till.handed')), handed), h('div', { class: 'pair' }, differs, change))),
        h('div', { class: 'tiles notes', role: 'group', 'aria-label': say('till.handed') }, tiles),
        keys(press)),
      h('div', { class: 'foot' }, h('div', { class: 'narrow' }, confirm))),
  ];
}

/** Taken: the change as large as the sum, and whether the server knows of it. */
export function taken({ kept, told, change }) {
  play('paid');
  app.gun.rest();
  const line = h('p', { class: 'detail', role: 'status' });
  const tell = async () => {
    const waits = (await outbox.waiting()).find((each) => each.key === kept.key);
    const problem = waits?.problem;
    const why = problem?.code === 'request.invalid' ? '' : problem?.[`title_${lang}`] ?? ''; // a field of ours is nobody's here
    const words = problem ? `${say('till.refused')} ${lines(why).join(' ')}`.trim() : say(waits ? 'till.cash_kept' : 'till.cash_told');
    if (line.textContent !== words) line.textContent = words;
  };
  onLeave(outbox.watch(tell));
  tell();
  app.scan = () => go('pad');
  app.type = begin;
  if (!change) {
    const over = setTimeout(() => go('pad'), SUCCESS_MS);
    onLeave(() => clearTimeout(over));
  }
  return h('main', {}, h('div', { class: 'result ok', role: 'alertdialog', 'aria-labelledby': 'taken' },
    icon('circle-check', 'big'), heading(say('till.cash_taken'), { id: 'taken' }), h('p', { class: 'sum' }, shown(told.amount_fen)),
    change > 0 && h('p', { class: 'change' }, say('till.give_change', { amount: shown(change) })),
    line,
    h('div', { class: 'acts' },
      button(say('till.next'), () => go('pad'), { kind: 'wide' }),
      button(say('till.undo_wrong'), () => go('undo', { payment: told }), { kind: 'bare wide', sign: 'arrow-back-up' }))));
}

/** Cash goes back: who gives it says so by pressing, under their name. Asked again, it is paid out once. */
export function payout({ refund, payment }) {
  const place = h('main', {}, h('div'));
  const error = h('p', { class: 'error', role: 'alert' });
  let timer = 0;
  let isGone = false;
  onLeave(() => { isGone = true; clearTimeout(timer); });
  const give = async (event) => {
    const pressed = event.currentTarget;
    pressed.disabled = true;
    error.textContent = '';
    try {
      draw(await api.post(`/v1/refunds/${refund}/pay-out`, { till: app.device.till.id }));
    } catch (trouble) {
      play('wrong');
      pressed.disabled = false;
      error.textContent = trouble instanceof api.Problem ? lines(trouble.told[`title_${lang}`] ?? trouble.code).join(' ') : say('till.payout_away');
    }
  };
  function draw(told) {
    if (isGone) return;
    const isDone = told.state === 'DONE';
    const waits = told.waiting_for === 'cashier';
    const [title, text] = lines(said(told));
    place.replaceChildren(h('div', { class: `result ${isDone ? 'ok' : 'wait'}`, role: 'alertdialog', 'aria-labelledby': 'payout' },
      icon(isDone ? 'circle-check' : 'cash', 'big'), headline(title, told.amount_fen, 'payout'),
      text && h('p', {}, broken(text)), error,
      h('div', { class: 'acts' },
        waits && button(say('till.payout_do', { amount: shown(told.amount_fen) }), give, { kind: 'main wide', sign: 'cash' }),
        button(say(waits ? 'till.payout_later' : 'till.done'), () => go('pad'), { kind: waits ? 'bare wide' : 'wide' }))));
    place.querySelector('h1').focus();
    if (isDone) {
      play('paid');
      api.read(`/v1/payments/${payment}`).then(charge.noted).catch(() => {});
    } else if (!waits) timer = setTimeout(look, 1000);
  }
  const look = () => api.read(`/v1/refunds/${refund}`).then(draw, () => { timer = setTimeout(look, 2000); });
  look();
  return place;
}
