// What waits for a network: each with its state, and why. And that this device is full.

import * as outbox from '../outbox.js';
import * as api from '../api.js';
import { app, backBar, go, onLeave } from '../app.js';
import { broken, button, h, heading, icon } from '../dom.js';
import { shown } from '../money.js';
import { ticketButton } from '../ticket.js';
import { lang, later, lines, say, when } from '../words.js';

export async function queue() {
  await later();
  const list = h('div', { class: 'list' });
  const tickets = {}; // a line is drawn anew with each news: its ticket stays the one it is
  const sum = h('p', { class: 'meta', role: 'status' });
  const now = button(say('till.try_now'), async () => { now.disabled = true; await outbox.retry(); await tell(); }, { kind: 'main wide', sign: 'refresh' });
  const foot = h('div', { class: 'foot' }, h('div', { class: 'narrow' }, now));
  async function tell() {
    const kept = await outbox.waiting();
    sum.textContent = kept.length ? say('till.queued', { n: kept.length }) : say('till.queue_none');
    list.replaceChildren(...(kept.length ? kept.map((each) => row(each, tickets)) : [h('p', { class: 'empty' }, say('till.queue_empty'))]));
    foot.hidden = !kept.length;
    now.disabled = false;
  }
  onLeave(outbox.watch(tell));
  onLeave(api.onNet(tell));
  tell();
  return [backBar(say('till.queue')), h('main', {}, h('div', { class: 'side-head' }, sum), list, foot)];
}

/** What each kind is called, and what its chip says while it waits. */
const NAMES = { cash: ['till.kept.cash', 'till.state.KEPT'], case: ['till.kept.case', 'till.state.ASKED'], print: ['tills.print', 'tills.print_kept'] };
const WHY = { net: 'till.waits.net', person: 'till.waits.person', refused: 'till.refused', '': 'till.waits.now' };

/** Not what people did but what we sent was wrong: no word of it is theirs, so they read what it means, and a ticket has the rest. */
const isOurs = (problem) => problem && (problem.code === 'request.invalid' || !problem[`title_${lang}`]);

const ticketOf = ({ key, kind, rev, problem }, tickets) => (tickets[rev] ??= ticketButton({
  cause: 'system', code: problem.code ?? '', note: `${kind} ${key} ${problem.title_en ?? ''}`.replaceAll('\n', ' ').slice(0, 120),
}));

function row(entry, tickets) {
  const why = outbox.why(entry);
  const [name, chip] = NAMES[entry.kind];
  const told = entry.problem ?? (why ? null : entry.held);
  const isNo = why === 'refused';
  const isOdd = isNo && isOurs(entry.problem);
  const words = isOdd ? say(`tills.odd.${entry.kind}`)
    : [say(WHY[why], { name: entry.name }), told && lines(told[`title_${lang}`] ?? '').join(' ')].filter(Boolean).join(' ');
  const seen = isNo && entry.kind !== 'cash' && button(say('till.seen_it'), () => outbox.drop(entry));
  return h('div', { class: 'row' },
    h('div', {},
      h('div', { class: 'what' }, h('span', {}, entry.fen ? shown(entry.fen) : say(name)), h('span', { class: `chip ${isNo ? 'bad' : 'warn'}` }, icon(isNo ? 'circle-x' : 'clock'), say(isNo ? 'till.chip_refused' : chip))),
      h('div', { class: 'meta' }, [entry.fen && say(name), when(new Date(entry.at).toISOString()), say('till.tail', { tail: (entry.wish.payment ?? entry.wish.of ?? entry.key).slice(-4) }), entry.name].filter(Boolean).join(' · ')),
      h('div', { class: isNo ? 'error small' : 'meta' }, words),
      isOdd && h('div', { class: 'stack' }, app.who && ticketOf(entry, tickets), seen)),
    !isOdd && seen);
}

/** Nothing more can be kept here, so nothing more is done: said before money moves. */
export function full() {
  const [title, text] = lines(say('till.full'));
  return h('main', {}, h('div', { class: 'result bad', role: 'alertdialog', 'aria-labelledby': 'full' },
    icon('alert-triangle', 'big'), heading(title, { id: 'full' }), h('p', {}, broken(text)),
    h('div', { class: 'acts' }, button(say('till.back'), () => (app.who ? go('pad') : go('signin')), { kind: 'wide' }))));
}
