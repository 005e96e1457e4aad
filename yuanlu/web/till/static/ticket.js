// A fault of the system or of this device is told with one tap: the last lines of the log and the health go along. And
// what was told before, with what came of it.

import * as api from './api.js';
import { app } from './app.js';
import { button, h, icon } from './dom.js';
import { gather } from './health.js';
import { newId } from './ids.js';
import { lines, lang, say, when } from './words.js';

const LINES = 80;
const LINE = 160;

/** A button that becomes what came of it. */
export function ticketButton({ about = '', cause, code = '', note = '' }) {
  const id = newId('ZT', api.now()); // one fault, one ticket, however often it is pressed
  const place = h('div', { role: 'status' });
  const raise = async () => {
    place.replaceChildren(h('p', {}, say('tills.ticket_sending')));
    const log = api.trail.slice(-LINES).map((line) => line.slice(0, LINE));
    const wish = { id, till: app.device.till.id, about, cause, code, note, health: await gather(), log };
    try {
      await api.post('/v1/tickets', wish);
      place.replaceChildren(h('p', {}, h('strong', {}, say('tills.ticket_done', { tail: id.slice(-4) }))));
    } catch (trouble) {
      const words = trouble instanceof api.Problem ? lines(trouble.told[`title_${lang}`] ?? trouble.code)[0] : say('tills.ticket_away');
      place.replaceChildren(h('p', {}, words), knob());
    }
  };
  const knob = () => button(say('tills.ticket'), raise, { kind: 'wide', sign: 'message-circle' });
  place.append(knob());
  return place;
}

const CHIPS = { OPEN: ['warn', 'clock'], CLOSED: ['ok', 'circle-check'] };

const line = (each) => h('div', { class: 'card' },
  h('div', { class: 'pair' }, h('span', {}, say('tills.ticket_of', { tail: each.id.slice(-4) })),
    h('span', { class: `chip ${CHIPS[each.state][0]}` }, icon(CHIPS[each.state][1]), say(`tills.ticket_in.${each.state}`))),
  each.said && h('p', {}, h('strong', {}, each.said)),
  h('p', { class: 'meta' }, when(each.closed_at ?? each.opened_at)));

/** The last tickets of this kind, and what was done about each; nothing where the server is not reached. */
export function ticketsTold(query) {
  const place = h('div', { class: 'stack' });
  api.read(`/v1/tickets?limit=3&${query}`, { within: 6000 }).then((told) => place.append(...told.items.map(line)), () => {});
  return place;
}
