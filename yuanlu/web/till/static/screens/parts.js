// Small things that several screens show.

import { h, heading, icon } from '../dom.js';
import { shown } from '../money.js';
import { ago, say } from '../words.js';

const CHIPS = {
  SENDING: ['warn', 'clock'], SENT: ['warn', 'clock'], SHOWN: ['brand', 'qrcode'], REVERSING: ['warn', 'clock'], CLOSING: ['warn', 'clock'],
  PAID: ['ok', 'circle-check'], LATE_PAID: ['warn', 'alert-triangle'], FAILED: ['bad', 'circle-x'], REVERSED: ['', 'arrow-back-up'],
  CLOSED: ['', 'x'], REFUSED: ['bad', 'circle-x'], NEVER: ['bad', 'circle-x'], BACK: ['brand', 'arrow-back-up'],
  KEPT: ['warn', 'clock'], ASKED: ['warn', 'clock'],
};

/** The state of a payment: a sign and a word, never colour alone. */
export function stateChip(state, told) {
  const [kind, sign] = CHIPS[state] ?? ['', 'info-circle'];
  const words = state !== 'BACK' ? say(`till.state.${state}`)
    : told.rest_fen ? say('till.state.PARTLY', { amount: shown(told.back_fen) }) : say('till.state.BACK');
  return h('span', { class: `chip ${kind}` }, icon(sign), words);
}

/** What happened, and the sum under it as large as the screen; where the headline names the sum, it is the large one. */
export const headline = (title, fen, id) => (title.includes(shown(fen)) ? [heading(title, { id, class: 'tells' })]
  : [heading(title, { id }), h('p', { class: 'sum' }, shown(fen))]);

export const channelName = (told) => (told?.channel ? say(`channel.${told.channel}`) : '');

/** '微信 · 2 分钟前 · 尾号 4471' */
export const about = (each) => [
  channelName(each.told), ago(each.told?.opened_at ?? new Date(each.sent_at).toISOString()), say('till.tail', { tail: each.id.slice(-4) }),
].filter(Boolean).join(' · ');
