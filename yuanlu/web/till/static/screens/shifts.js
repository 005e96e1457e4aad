// A shift of this till: opened with a float, counted, handed over, closed, and its report (docs/reference/shifts.md).
// Asked for before cash alone: a scan never waits for it.

import * as api from '../api.js';
import * as outbox from '../outbox.js';
import * as people from '../people.js';
import * as store from '../store.js';
import { app, backBar, go, typing } from '../app.js';
import { button, h, icon } from '../dom.js';
import { fenOf, keyed, onPad, shown } from '../money.js';
import { newId } from '../ids.js';
import { lang, later, lines, say, when } from '../words.js';
import { keys } from './cash.js';
import { play } from '../tones.js';

const TENDERS = ['cash', 'wechat', 'alipay'];
const ANSWERS = ['owner', 'finance', 'manager', 'cashier']; // may answer for a drawer
const COUNTS = ['owner', 'finance', 'manager']; // may count somebody else's

const titled = (trouble) => (trouble instanceof api.Problem ? lines(trouble.told[`title_${lang}`] ?? trouble.code).join(' ')
  : trouble instanceof api.Away ? say('tills.shift_away') : (() => { throw trouble; })());

/** The open shift of this till as the server has it, or null; remembered for the days without a network. */
async function current(within) {
  const { items: [open = null] } = await api.read(`/v1/shifts?till=${app.device.till.id}&state=OPEN&limit=1`, { within });
  await store.put('state', 'shift', open);
  return open;
}

/** Whether to ask for a shift before this cash: not without a network, not where somebody put it off, or may not. */
export async function missing() {
  if (!api.net.online || app.putOff === app.who.account || !ANSWERS.includes(app.who.role)) return false;
  if (await store.get('state', 'shift')) return false;
  try {
    await later(); // without its words nobody can be asked
    return await current(3000) === null;
  } catch {
    return false;
  }
}

const nobody = (title, words) => [backBar(title, () => go('more')), h('main', {}, h('p', { class: 'empty' }, words))];

/** The shift that is open here, or how to open one; or (`id`) the report of one. */
export async function shift({ id = '' }) {
  await later();
  let report;
  try {
    const found = id || (await current())?.id;
    if (!found) return open({ then: () => go('shift') });
    report = await api.read(`/v1/shifts/${found}`);
  } catch (trouble) {
    return nobody(say('till.shift'), titled(trouble));
  }
  const { shift: now, tenders, counts, still_open: left, told_late: late } = report;
  const isOpen = now.state === 'OPEN';
  const kept = isOpen ? (await outbox.waiting()).filter((each) => each.kind === 'cash') : [];
  const [cashier, closer] = await Promise.all([people.nameOf(now.cashier), people.nameOf(now.closed_by)]);
  const handed = await Promise.all(counts.filter((each) => each.taker).map(async (each) => (
    h('li', {}, say('tills.handed_over', { at: when(each.at), from: await people.nameOf(each.cashier), to: await people.nameOf(each.taker), amount: shown(each.counted.cash) })))));
  const mine = now.cashier === app.who.account;
  const may = COUNTS.includes(app.who.role);
  const act = (mode, sign, kind = '') => button(say(`tills.shift_do.${mode}`), () => go('count', { mode, report }), { kind: `wide ${kind}`, sign });
  return [
    backBar(say(isOpen ? 'till.shift' : 'tills.shift_report'), () => go(isOpen ? 'more' : 'pad')),
    h('main', {},
      h('div', { class: 'scroll narrow' },
        h('div', { class: 'card' },
          h('p', { class: 'meta' }, isOpen ? say('tills.shift_since', { at: when(now.opened_at), name: cashier }) : say('tills.shift_closed', { at: when(now.closed_at), name: closer })),
          h('p', { class: 'sum' }, shown(figure(tenders, 'cash', isOpen ? 'expected_fen' : 'counted_fen'))),
          h('p', { class: 'meta' }, say(isOpen ? 'tills.in_drawer' : 'tills.was_counted', { amount: shown(now.float_fen) })),
          !isOpen && h('p', { class: 'meta' }, say('tills.went', { safe: shown(now.safe_fen), bank: shown(now.bank_fen), rest: shown(figure(tenders, 'cash', 'counted_fen') - now.safe_fen - now.bank_fen) }))),
        kept.length > 0 && h('p', { class: 'note' }, icon('clock'), say('tills.shift_queued', { n: kept.length, amount: shown(kept.reduce((sum, each) => sum + each.fen, 0)) })),
        h('table', { class: 'figures' },
          h('caption', { class: 'sr' }, say('tills.by_tender')),
          h('thead', {}, h('tr', {}, ['tills.tender', 'tills.taken', 'tills.given_back', isOpen ? 'tills.expected' : 'tills.counted'].map((each) => h('th', { scope: 'col' }, say(each))))),
          h('tbody', {}, [...tenders].sort(byTender).flatMap((each) => tenderRows(each, isOpen)))),
        handed.length > 0 && h('section', { class: 'stack' }, h('h2', {}, say('tills.handings')), h('ul', { class: 'lines' }, handed)),
        h('section', { class: 'stack' }, h('h2', {}, say('tills.still_open', { n: left.length })),
          left.length ? h('ul', { class: 'lines' }, left.map((each) => h('li', {}, say(`tills.kind.${each.kind}`), ' ', say('till.tail', { tail: each.id.slice(-4) }))))
            : h('p', { class: 'meta' }, say('tills.nothing_open'))),
        late.length > 0 && h('p', { class: 'note' }, icon('info-circle'), say('tills.told_late', { n: late.length, amount: shown(late.reduce((sum, each) => sum + each.amount_fen, 0)) }))),
      h('div', { class: 'foot' }, h('div', { class: 'narrow stack' },
        isOpen && (mine || may) && h('div', { class: 'pairs' }, act('hand', 'users'), act('close', 'lock', 'main')),
        isOpen && may && !mine && act('count', 'search'),
        isOpen && !mine && !may && h('p', { class: 'meta center' }, say('tills.not_yours', { name: cashier })),
        !isOpen && button(say('till.done'), () => go('pad'), { kind: 'main wide' })))),
  ];
}

const byTender = (one, other) => TENDERS.indexOf(one.tender) - TENDERS.indexOf(other.tender);
const figure = (tenders, tender, name) => tenders.find((each) => each.tender === tender)?.[name] ?? 0;

/** '少 ¥1.00', '多 ¥1.00', '相符' */
const differs = (fen) => (fen ? say(fen < 0 ? 'tills.too_little' : 'tills.too_much', { amount: shown(Math.abs(fen)) }) : say('tills.right'));

function tenderRows(each, isOpen) {
  const last = isOpen ? each.expected_fen : each.counted_fen;
  const off = !isOpen && each.difference_fen !== null && h('tr', { class: each.difference_fen ? 'off' : 'fits' },
    h('td', { colspan: '4' }, differs(each.difference_fen), each.reason && ` · ${each.reason}`));
  return [
    h('tr', {}, h('th', { scope: 'row' }, say(`channel.${each.tender}`)),
      h('td', {}, shown(each.taken_fen)), h('td', {}, shown(each.back_fen)), h('td', {}, last === null ? '–' : shown(last))),
    ...(off ? [off] : []),
  ];
}

/** Open one with what was counted into the drawer. `then`: what follows, also where it is put off. */
export function open({ then }) {
  let text = '';
  const id = newId('ZS', api.now());
  const output = h('output', { 'aria-live': 'polite', 'aria-label': say('tills.float') });
  const error = h('p', { class: 'error', role: 'alert' });
  const confirm = button('', () => send(), { kind: 'main wide', sign: 'check' });
  const tell = () => {
    output.replaceChildren(h('small', {}, '¥'), text ? onPad(text) : '0');
    confirm.lastChild.textContent = say('tills.open_do', { amount: shown(fenOf(text)) });
  };
  const put = (now) => { text = now; tell(); };
  const press = (key) => { const was = text; put(keyed(was, key)); return () => put(was); };
  async function send() {
    confirm.disabled = true;
    error.textContent = '';
    try {
      await store.put('state', 'shift', await api.post('/v1/shifts', { id, till: app.device.till.id, float_fen: fenOf(text) }));
      then();
    } catch (trouble) {
      play('wrong');
      confirm.disabled = false;
      error.textContent = titled(trouble);
    }
  }
  app.type = typing(press);
  tell();
  return [
    backBar(say('tills.open')),
    h('main', {},
      h('div', { class: 'scroll narrow' }, h('p', { class: 'meta' }, say('tills.open_how')),
        h('div', { class: 'amount' }, h('p', { class: 'advice' }, say('tills.float')), output), keys(press)),
      h('div', { class: 'foot' }, h('div', { class: 'narrow stack' }, error, confirm,
        fenOf(app.text) > 0 && button(say('tills.open_later'), () => { app.putOff = app.who.account; then(); }, { kind: 'bare wide' })))),
  ];
}

/** What lies in the drawer, by tender, before what should be there is shown. `mode`: hand, close, count. */
export function count({ mode, report, texts = {} }) {
  const found = { ...texts };
  let picked = 'cash';
  const rows = TENDERS.map((tender) => h('button', { type: 'button', class: 'tile tender', onclick: () => { picked = tender; tell(); } },
    h('span', {}, say(`tills.count.${tender}`)), h('span', { class: 'num' })));
  const next = button(say('tills.count_next'), () => go('check', { mode, report, texts: found }), { kind: 'main wide' });
  function tell() {
    rows.forEach((row, place) => {
      const text = found[TENDERS[place]];
      row.setAttribute('aria-pressed', String(TENDERS[place] === picked));
      row.lastChild.textContent = text ? `¥${onPad(text)}` : '–';
    });
    next.disabled = !found.cash;
  }
  const put = (tender, text) => { found[tender] = text; tell(); };
  const press = (key) => { const was = [picked, found[picked] ?? '']; put(picked, keyed(was[1], key)); return () => put(...was); };
  app.type = typing(press);
  tell();
  return [
    backBar(say(`tills.shift_do.${mode}`), () => go('shift')),
    h('main', {},
      h('div', { class: 'scroll narrow' }, h('p', { class: 'meta' }, say('tills.count_how')), h('div', { class: 'stack', role: 'group', 'aria-label': say('tills.by_tender') }, rows), keys(press)),
      h('div', { class: 'foot' }, h('div', { class: 'narrow' }, next))),
  ];
}

/** Counted against expected; a reason for each difference; to whom, or where to; then it is said. */
export async function check({ mode, report: before, texts }) {
  let report = before;
  try {
    report = await api.read(`/v1/shifts/${before.shift.id}`); // what was taken while they counted
  } catch (trouble) {
    return nobody(say(`tills.shift_do.${mode}`), titled(trouble));
  }
  const { shift: now, tenders, still_open: left } = report;
  const counted = Object.fromEntries(TENDERS.filter((each) => texts[each]).map((each) => [each, fenOf(texts[each])]));
  const off = Object.entries(counted).map(([tender, fen]) => [tender, fen - figure(tenders, tender, 'expected_fen')]);
  const reasons = new Map();
  const error = h('p', { class: 'error', role: 'alert' });
  const confirm = button(say(`tills.shift_confirm.${mode}`), () => send(), { kind: 'main wide', sign: 'check' });
  const money = { safe: field('safe', { inputmode: 'decimal', maxlength: '12' }), bank: field('bank', { inputmode: 'decimal', maxlength: '12' }) };
  const rest = h('dd', { class: 'num' });
  let to = null;

  function field(name, more = {}) {
    return h('input', { id: name, autocomplete: 'off', oninput: tell, ...more });
  }
  const fieldOf = (name, words, input) => h('div', { class: 'field' }, h('label', { for: name }, words), input);
  const fen = (input) => (/^\d{1,8}(\.\d{0,2})?$/.test(input.value.trim()) ? fenOf(input.value.trim()) : input.value.trim() ? NaN : 0);
  const leftOver = () => counted.cash - fen(money.safe) - fen(money.bank);
  function tell() {
    rest.textContent = leftOver() >= 0 ? shown(leftOver()) : '–';
    error.textContent = leftOver() >= 0 ? '' : say('tills.moved_more');
    confirm.disabled = !(leftOver() >= 0) || (mode === 'hand' && !to) || [...reasons.values()].some((each) => !each.value.trim());
  }
  for (const [tender, fen_] of off) if (fen_) reasons.set(tender, field(`why-${tender}`, { maxlength: '80' }));
  const able = mode !== 'hand' ? [] : (await people.listed()).filter((each) => each.account !== now.cashier && ANSWERS.includes(each.role));
  const takers = able.map((each) => h('button', { type: 'button', class: 'tile btn', 'aria-pressed': 'false', onclick: () => {
    to = each;
    takers.forEach((tile, place) => tile.setAttribute('aria-pressed', String(able[place] === each)));
    tell();
  } }, icon('user'), h('span', {}, each.name, h('small', {}, say(`till.role.${each.role}`)))));

  async function send() {
    confirm.disabled = true;
    const wish = { counted, version: now.version, reasons: Object.fromEntries([...reasons].map(([tender, each]) => [tender, each.value.trim()])) };
    if (mode === 'hand') wish.to = to.account;
    if (mode === 'close') Object.assign(wish, { safe_fen: fen(money.safe), bank_fen: fen(money.bank) });
    try {
      const told = await api.post(`/v1/shifts/${now.id}/${{ hand: 'hand-over' }[mode] ?? mode}`, wish);
      await store.put('state', 'shift', mode === 'close' ? null : told);
      if (mode === 'hand') go('signin', { person: to, changing: true });
      else go('shift', { id: now.id });
    } catch (trouble) {
      play('wrong');
      if (['shift.stale', 'shift.reason_missing'].includes(trouble.code)) { await go('check', { mode, report, texts }); return; }
      tell();
      error.textContent = titled(trouble);
    }
  }
  tell();
  return [
    backBar(say(`tills.shift_do.${mode}`), () => go('count', { mode, report, texts })),
    h('main', {},
      h('div', { class: 'scroll narrow' },
        h('table', { class: 'figures' },
          h('caption', { class: 'sr' }, say('tills.by_tender')),
          h('thead', {}, h('tr', {}, ['tills.tender', 'tills.expected', 'tills.counted', 'tills.difference_of'].map((each) => h('th', { scope: 'col' }, say(each))))),
          h('tbody', {}, off.map(([tender, fen_]) => h('tr', {}, h('th', { scope: 'row' }, say(`channel.${tender}`)),
            h('td', {}, shown(figure(tenders, tender, 'expected_fen'))), h('td', {}, shown(counted[tender])), h('td', { class: fen_ ? 'off' : 'fits' }, differs(fen_)))))),
        [...reasons].map(([tender, input]) => fieldOf(input.id, say('tills.why_off', { channel: say(`channel.${tender}`) }), input)),
        mode === 'hand' && h('fieldset', { class: 'tiles' }, h('legend', {}, say('tills.to_whom')), takers, !able.length && h('p', { class: 'meta' }, say('tills.nobody_else'))),
        mode === 'close' && h('div', { class: 'pairs' }, fieldOf('safe', say('tills.to_safe'), money.safe), fieldOf('bank', say('tills.to_bank'), money.bank)),
        mode === 'close' && h('dl', { class: 'card' }, h('div', { class: 'pair' }, h('dt', {}, say('tills.stays')), rest)),
        left.length > 0 && h('p', { class: 'note' }, icon('info-circle'), say('tills.open_goes', { n: left.length }))),
      h('div', { class: 'foot' }, h('div', { class: 'narrow stack' }, error, confirm))),
  ];
}
