// Why did it fail: which of the seven causes, did money move, what to do now, what to say to the customer.

import * as api from '../api.js';
import { app, backBar, go } from '../app.js';
import { broken, h, icon } from '../dom.js';
import { shown } from '../money.js';
import { ticketButton, ticketsTold } from '../ticket.js';
import { lang, later, lines, say } from '../words.js';

/** What our own server refused never left the house: no money moved. By the beginning of its code. */
const OURS = [
  ['code.', 'input'], ['payment.code', 'input'], ['payment.amount', 'input'], ['lines.', 'order_info'],
  ['payment.channel', 'system'], ['staff.', 'limit'], ['till.locked', 'none'],
];

/** The answer made here, where the server was not reached or never heard of it. Shape: as `/why` tells. */
function alone({ state, problem, told, doubt }) {
  const own = (cause, money) => ({
    cause, money, code: problem?.code ?? '', ticket: ['system', 'network'].includes(cause), meaning: '',
    now: say(`tills.now.${money}`), customer: say(`tills.customer.${money}`), title: problem && problem[`title_${lang}`],
  });
  if (problem) return own(OURS.find(([beginning]) => problem.code.startsWith(beginning))?.[1] ?? 'system', 'not_taken');
  if (state === 'NEVER') return own('network', 'not_taken');
  if (['PAID', 'LATE_PAID'].includes(state)) return own('none', 'taken');
  if (['FAILED', 'REVERSED', 'CLOSED'].includes(state) && !doubt) return own(told?.diagnosis?.cause ?? 'none', 'not_taken');
  return own('network', 'unknown');
}

const mine = (told) => ({
  cause: told.cause, money: told.money, code: told.code, ticket: told.ticket,
  now: told[`now_${lang}`], customer: told[`customer_${lang}`], meaning: told[`meaning_${lang}`],
  moneySays: told[`money_${lang}`],
});

const LOOKS = {
  taken: ['ok', 'circle-check'], back: ['ok', 'circle-check'], not_taken: ['bad', 'circle-x'], not_back: ['bad', 'circle-x'],
  unknown: ['warn', 'clock'], back_later: ['warn', 'clock'], back_unknown: ['warn', 'clock'],
};

/** Where no cause is known, what the money says: it has no end yet, or it came to nothing. */
const NOTHING = {
  unknown: 'tills.cause_open', back_unknown: 'tills.cause_open', back_later: 'tills.cause_open',
  not_taken: 'tills.cause_ended', not_back: 'tills.cause_ended',
};

async function answer({ charge, payment, refund }) {
  const now = charge ?? (payment && { state: payment.state, told: payment });
  if (now?.problem || now?.state === 'NEVER') return alone(now);
  try {
    return mine(await api.read(refund ? `/v1/refunds/${refund}/why` : `/v1/payments/${(charge ?? payment).id}/why`, { within: 6000 }));
  } catch (trouble) {
    if (!(trouble instanceof api.Away || trouble instanceof api.Problem)) throw trouble;
    return now ? alone(now) : { ...alone({ state: '' }), money: 'back_unknown', now: say('tills.why_away'), customer: say('tills.customer.back_unknown') };
  }
}

export async function why(params) {
  await later();
  const told = await answer(params);
  const [kind, sign] = LOOKS[told.money];
  const of = params.refund ?? (params.charge ?? params.payment).id;
  const fen = params.charge?.fen ?? params.payment?.amount_fen;
  const about = params.charge?.problem || params.charge?.state === 'NEVER' ? '' : of;
  const part = (title, text, more = {}) => text && h('section', { class: 'card', ...more }, h('h2', { class: 'meta' }, say(title)), h('p', {}, h('strong', {}, broken(text))));
  return [
    backBar(say('tills.why'), () => go(params.from ?? 'pad', { id: params.id })),
    h('main', {}, h('div', { class: 'scroll narrow', tabindex: '0' },
      fen && h('p', { class: 'meta' }, `${shown(fen)} · ${say('till.tail', { tail: of.slice(-4) })}`),
      h('section', { class: 'card' },
        h('h2', { class: 'meta' }, say('tills.cause')), h('p', { class: 'mid' }, say(told.cause === 'none' ? NOTHING[told.money] ?? 'cause.none' : `cause.${told.cause}`)),
        h('p', {}, h('span', { class: `chip ${kind}` }, icon(sign), told.moneySays ?? say(`tills.money.${told.money}`)))),
      part('tills.now', told.title ? `${lines(told.title)[0]}\n${told.now}` : told.now),
      part('tills.say', told.customer && say('tills.quote', { words: told.customer })),
      told.code && h('details', {}, h('summary', {}, say('tills.details')), h('p', { class: 'meta' }, [told.meaning, told.code].filter(Boolean).join(' · '))),
      about && ticketsTold(`about=${about}`),
      told.ticket && app.who && ticketButton({ about, cause: told.cause, code: told.code }))),
  ];
}
