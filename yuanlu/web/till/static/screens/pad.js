// The screen a cashier lives on: what it costs, the last payment, the keys. The gun is live while an amount stands here.

import * as api from '../api.js';
import * as basket from '../basket.js';
import * as charge from '../charge.js';
import * as guards from '../guards.js';
import * as outbox from '../outbox.js';
import { app, codeTables, go, netChip, onLeave } from '../app.js';
import { bare, broken, button, h, icon } from '../dom.js';
import { fenOf, keyed, keyedOf, onPad, shown } from '../money.js';
import { lang, lines, say, today } from '../words.js';
import { about, stateChip } from './parts.js';
import { play } from '../tones.js';

const BACK_MS = 8000;
let back = { at: 0, sent: 0 }; // what went out last: told even if the pad comes a moment later
outbox.watch(({ sent }) => { if (sent) back = { at: Date.now(), sent: sent + (Date.now() - back.at < BACK_MS ? back.sent : 0) }; });

export function pad() {
  charge.done();
  const advice = h('p', { class: 'advice' });
  const output = h('output', { 'aria-live': 'polite', 'aria-label': say('till.amount') });
  const go_ = h('button', { type: 'button', class: 'key go', onclick: () => go('camera') }, icon('scan'), h('span', {}, say('till.scan_to_charge')));
  const showQr = button(say('till.show_qr'), () => go('show'), { sign: 'qrcode' });
  const strip = h('div', { class: 'strip', hidden: true });
  const recent = h('div', { class: 'list' });
  const cash = button(say('till.take_cash'), () => go('cash'), { sign: 'cash' });

  const tell = () => {
    const fen = fenOf(app.text);
    output.replaceChildren(h('small', {}, '¥'), app.text ? onPad(app.text) : '0');
    output.classList.toggle('long', app.text.length > 7);
    const [seen] = guards.found(fen);
    advice.className = seen ? 'advice warn' : 'advice';
    advice.textContent = seen ? lines(seen[lang])[0] : say(!fen ? 'till.key_amount' : api.net.online ? 'till.check_then_scan' : 'till.check_then_cash');
    go_.disabled = !fen || !api.net.online;
    showQr.disabled = !fen || !api.net.online;
    cash.disabled = !fen;
  };
  const put = (text) => { app.text = text; tell(); guards.look(fenOf(text), tell); };
  const press = (key) => {
    const was = app.text;
    const sum = basket.all().length ? keyedOf(basket.total()) : ''; // a key begins another amount, and 'clear' comes back to this one
    put(key === 'clear' ? sum : keyed(was === sum && key !== 'back' ? '' : was, key));
    return () => put(was);
  };
  const key = (name, ...inner) => h('button', { type: 'button', class: 'key', onclick: () => press(name) }, ...(inner.length ? inner : [name]));

  app.type = (letter) => {
    const key = { Backspace: 'back', Escape: 'clear' }[letter] ?? letter;
    return /^([\d.]|back|clear)$/.test(key) ? press(key) : null;
  };
  let turn = Promise.resolve(); // one scan after the other: a code is charged with all goods that were scanned before it
  app.scan = (text) => {
    turn = turn.then(() => app.screen === 'pad' && scanned(text)).catch((trouble) => { Promise.reject(trouble); }); // heard where nobody waits
  };

  const refresh = async () => {
    const latest = await charge.latest();
    const [last] = latest;
    strip.hidden = !last;
    if (last) strip.replaceChildren(...line(last));
    recent.replaceChildren(...(latest.length ? latest.map((each) => h('div', { class: 'row' }, line(each))) : [h('p', { class: 'empty' }, broken(say('till.none_yet')))]));
    tell();
  };
  onLeave(charge.watch((each) => {
    if (!charge.isOpen(each) && each.told?.channel !== 'cash') play(each.state === 'PAID' ? 'paid' : 'wrong'); // one that was put aside has its end
    refresh();
  }));
  onLeave(api.onNet(tell));
  refresh();
  guards.look(fenOf(app.text), tell);

  return [
    h('header', { class: 'bar' },
      h('h1', {}, say('till.title')),
      h('span', { class: 'where' }, `${app.device.till.store_name} · ${app.who.name}`),
      netChip(), bare('menu-2', say('till.more'), () => go('more'))),
    banner(),
    h('main', { class: 'split' },
      h('div', { class: 'work' },
        h('div', { class: 'amount', tabindex: '-1', 'data-first': true }, advice, output),
        goods(),
        strip,
        h('div', { class: 'pad', role: 'group', 'aria-label': say('till.keys') },
          key('1'), key('2'), key('3'),
          h('button', { type: 'button', class: 'key quiet', 'aria-label': say('till.key_back'), onclick: () => press('back') }, icon('backspace')),
          key('4'), key('5'), key('6'), go_, key('7'), key('8'), key('9'), key('00'), key('0'), key('.')),
        h('nav', { class: 'ways', 'aria-label': say('till.ways') }, showQr, cash,
          button(say('till.bills'), () => go('bills'), { sign: 'history' }))),
      h('aside', { 'aria-labelledby': 'recent' },
        h('div', { class: 'side-head' }, h('h2', { id: 'recent' }, say('till.recent')),
          button(say('till.all'), () => go('bills'), { kind: 'bare' })),
        recent)),
  ];
}

/** What the network lets wait, on one line: what waits now, and that it went out. */
function banner() {
  const place = h('div', { role: 'status' });
  let timer = 0;
  let shown = '';
  const tell = async () => {
    const many = (await outbox.waiting()).length;
    const isBack = Date.now() - back.at < BACK_MS;
    clearTimeout(timer);
    if (isBack) timer = setTimeout(tell, BACK_MS);
    const told = [
      !api.net.online && lines(say('net.off'))[0],
      many > 0 ? say('till.queued', { n: many }) : !api.net.online && say('till.cash_goes'),
      api.net.online && !many && isBack && lines(say('net.back', { n: back.sent })).join(say('words.stop')),
    ].filter(Boolean);
    if (told.join() === shown) return;
    shown = told.join();
    const kind = api.net.online && !many ? 'banner ok' : 'banner';
    const inner = [icon(api.net.online ? (many ? 'clock' : 'wifi') : 'wifi-off'), h('span', {}, told.join(say('words.stop')))];
    place.replaceChildren(...(!told.length ? [] : [many ? h('button', { type: 'button', class: kind, onclick: () => go('queue') }, inner, h('strong', {}, say('till.see'))) : h('p', { class: kind }, inner)]));
  };
  onLeave(api.onNet(tell));
  onLeave(outbox.watch(tell));
  onLeave(() => clearTimeout(timer));
  tell();
  return place;
}

/** The goods of this sale in one line. */
function goods() {
  if (!basket.all().length) return null;
  const names = basket.all().map((each) => `${basket.nameOf(each)} × ${each.quantity}`);
  return h('div', { class: 'strip goods', role: 'status' },
    h('div', {}, h('div', { class: 'what' }, say('till.basket_sum', { n: basket.pieces(), amount: shown(basket.total()) })), h('div', { class: 'meta cut' }, names.reverse().join(' · '))),
    button(say('till.basket'), () => go('basket'), { sign: 'package' }));
}

/** A payment in one line: amount, state, and the one thing to do about it. */
function line(each) {
  const state = each.told?.back_fen ? 'BACK' : each.state;
  const act = charge.isOpen(each) ? [say('till.look'), () => { if (charge.current?.id === each.id) go('charge'); else go('bill', { id: each.id }); }]
    : ['PAID', 'LATE_PAID'].includes(each.state) && each.told?.rest_fen ? [say('till.undo'), () => go('undo', { payment: each.told }), 'arrow-back-up']
      : each.told ? [say('till.see'), () => go('bill', { id: each.id })] : null;
  return [
    h('div', {}, h('div', { class: 'what' }, h('span', {}, shown(each.fen)), stateChip(state, each.told)), h('div', { class: 'meta' }, about(each))),
    act && button(act[0], act[1], { sign: act[2] }),
  ];
}

/** A scan on the pad: a payment code is charged, goods go into the basket, our own number opens its bill, all else is named. */
export async function scanned(text, { typed = false, noIdCard = false } = {}) {
  const fen = fenOf(app.text);
  const [tables, { recognise }] = await Promise.all([codeTables(), import('../classify.js')]);
  const seen = recognise(text, tables, { typed, noIdCard, today: today(new Date(api.now())) });
  if (seen.kind === 'our_number') return go('bill', { id: seen.code });
  if (seen.kind === 'goods') {
    const found = await basket.find(text.replace(/^\][A-Za-z]\d/, '').trim());
    if (found?.price_fen === null) return go('wrong', { says: 'till.no_price' });
    if (found) { basket.add(found); return go('pad'); }
  }
  if (seen.question) return go('wrong', { says: seen.says, confirm: () => scanned(text, { typed, noIdCard: true }) });
  if (!seen.ok) return go('wrong', { says: seen.says, wallet: seen.wallet });
  if (!fen) return go('wrong', { says: 'till.amount_first' });
  if (!api.net.online) return go('wrong', { says: 'net.off' });
  const ask = await guards.question(fen, seen.code);
  if (ask?.again) return go('wrong', { says: 'scan.again' });
  const charged = async (confirmed) => {
    const { id } = await charge.take({ fen, code: seen.code, typed, noIdCard, guards: confirmed ? [confirmed] : [] });
    basket.set([]);
    go('charge');
    return id;
  };
  return ask ? go('question', { ask, fen, charged }) : charged();
}
