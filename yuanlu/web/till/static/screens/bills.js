// Today's payments of this till, and one of them with all that came of it.

import * as api from '../api.js';
import * as charge from '../charge.js';
import * as people from '../people.js';
import { app, backBar, go, netChip } from '../app.js';
import { broken, button, h } from '../dom.js';
import { shown } from '../money.js';
import { lang, said, say, today, when } from '../words.js';
import { channelName, stateChip } from './parts.js';

const SIZE = 50;
const LONG = 24; // a number of ours or of a channel: smaller, so that it stands on one line

export async function bills() {
  const list = h('div', { class: 'list' });
  const sums = h('p', { class: 'meta' });
  let after = '';
  let taken = 0;
  let count = 0;
  const more = button(say('till.more_bills'), () => page(), { kind: 'wide' });

  const foot = h('div', { class: 'foot', hidden: true }, more);

  async function page() {
    foot.hidden = true;
    let told;
    try {
      told = await api.read(`/v1/payments?till=${app.device.till.id}&limit=${SIZE}${after && `&after=${after}`}`);
    } catch (trouble) {
      if (!(trouble instanceof api.Away)) throw trouble;
      list.replaceChildren(...(await charge.latest(60)).filter((each) => each.told).map((each) => row(each.told)));
      sums.textContent = say('till.bills_offline');
      return;
    }
    const day = today(new Date(api.now()));
    const mine = told.items.filter((each) => today(new Date(each.opened_at)) === day);
    for (const each of mine) {
      if (['PAID', 'LATE_PAID'].includes(each.state)) { taken += each.amount_fen - each.back_fen; count += 1; }
      list.append(row(each));
    }
    if (!list.children.length) list.append(h('p', { class: 'empty' }, broken(say('till.none_yet'))));
    sums.textContent = say('till.bills_sum', { n: count, amount: shown(taken) });
    after = told.next;
    foot.hidden = !after || mine.length < told.items.length;
  }
  await page();
  return [backBar(say('till.bills')), h('main', {}, h('div', { class: 'side-head' }, sums, netChip()), list, foot)];
}

function row(told) {
  const state = told.back_fen ? 'BACK' : told.state;
  return h('div', { class: 'row' },
    h('div', {}, h('div', { class: 'what' }, h('span', {}, shown(told.amount_fen)), stateChip(state, told)),
      h('div', { class: 'meta' }, [channelName(told), when(told.opened_at), say('till.tail', { tail: told.id.slice(-4) })].join(' · '))),
    button(say('till.see'), () => go('bill', { id: told.id, from: 'bills' }), { 'aria-label': `${say('till.see')} ${shown(told.amount_fen)} ${when(told.opened_at)}` }));
}

const tile = (words, sign, onclick) => button(say(words), onclick, { kind: 'tile', sign });

export async function bill({ id, from = 'pad' }) {
  const title = backBar(say('till.bill'), () => go(from));
  if (!id.startsWith('YP')) return [title, h('main', {}, h('p', { class: 'empty' }, broken(say('till.not_a_bill'))))];
  let told;
  let refunds = { items: [] };
  try {
    told = await api.read(`/v1/payments/${id}`);
    refunds = await api.read(`/v1/refunds?payment=${id}&limit=20`);
  } catch (trouble) {
    told ??= (await charge.latest(60)).find((each) => each.id === id)?.told;
    if (!told) return [title, h('main', {}, h('p', { class: 'empty' }, trouble instanceof api.Problem ? broken(trouble.told[`title_${lang}`]) : say('till.bill_away')))];
  }
  const pair = (name, value) => value && h('div', { class: 'pair' }, h('dt', {}, say(name)), h('dd', { class: value.length > LONG ? 'mono small' : '' }, value));
  const mayBack = ['PAID', 'LATE_PAID'].includes(told.state) && told.rest_fen > 0;
  return [
    title,
    h('main', {},
      h('div', { class: 'scroll narrow' },
        h('div', { class: 'card' }, h('p', {}, stateChip(told.back_fen ? 'BACK' : told.state, told)), h('p', { class: 'sum' }, shown(told.amount_fen)),
          h('p', { class: 'meta' }, broken(said(told)))),
        h('dl', { class: 'stack' },
          pair('till.channel', channelName(told)), pair('till.opened', when(told.opened_at)), pair('till.cashier', await people.nameOf(told.opened_by)),
          pair('till.rest', mayBack ? shown(told.rest_fen) : ''), pair('till.our_number', told.id), pair('till.channel_number', told.channel_number)),
        refunds.items.length > 0 && h('h2', {}, say('till.refunds')),
        refunds.items.map((each) => h('div', { class: 'card' }, h('div', { class: 'pair' }, h('strong', {}, shown(each.amount_fen)), h('span', { class: 'meta' }, when(each.opened_at))), h('p', {}, broken(said(each))),
          each.waiting_for === 'cashier' && button(say('till.payout_do', { amount: shown(each.amount_fen) }), () => go('payout', { refund: each.id, payment: told.id }), { kind: 'main wide', sign: 'cash' }),
          h('div', { class: 'tiles' }, tile('till.slip', 'receipt', () => go('slip', { of: each.id, from: 'bill', id })), tile('till.how_far', 'info-circle', () => go('why', { refund: each.id, from: 'bill', id }))))),
        h('div', { class: 'tiles' },
          ['PAID', 'LATE_PAID'].includes(told.state) && tile('till.slip', 'receipt', () => go('slip', { of: id, from: 'bill', id })),
          tile('till.why_failed', 'info-circle', () => go('why', { payment: told, from: 'bill', id })))),
      mayBack && h('div', { class: 'foot' }, h('div', { class: 'narrow' }, button(say('till.undo'), () => go('undo', { payment: told }), { kind: 'main wide', sign: 'arrow-back-up' })))),
  ];
}
