// Slips: on paper, as a code to be held to the customer, by mail or SMS, and the queue of those that did not come out yet. Without a network
// the wish to print waits in the outbox.

import * as api from '../api.js';
import * as outbox from '../outbox.js';
import * as carrier from '../print.js';
import * as store from '../store.js';
import { app, backBar, go, onLeave } from '../app.js';
import { broken, button, h, icon } from '../dom.js';
import { newId } from '../ids.js';
import { lang, later, lines, say, when } from '../words.js';

const LOOK_MS = 1000;
const ASK_AFTER_MS = 6000; // a printer that answers has done so by then
const WAITS = ['QUEUED', 'SENT', 'JAMMED'];
const CHIPS = { QUEUED: ['brand', 'clock'], SENT: ['brand', 'clock'], JAMMED: ['bad', 'alert-triangle'], PRINTED: ['ok', 'circle-check'], GONE: ['', 'x'] };

const chip = (print) => h('span', { class: `chip ${CHIPS[print.state][0]}` }, icon(CHIPS[print.state][1]), say(`tills.print.${print.state}`));
const trouble = (print) => (print.state === 'JAMMED' ? [say(`tills.trouble.${print.trouble || 'broken'}`), lines(say('print.fail'))[1]].join('\n') : '');
const no = (failed) => (failed instanceof api.Problem ? lines(failed.told[`title_${lang}`] ?? failed.code).join('\n') : say('tills.away'));

const away = (failed) => { if (failed instanceof api.Away) return null; throw failed; };

/** The printers one can use here: this till's first, then those of its store. Kept, for the days without a network; null: not known. */
async function printers() {
  const { id, store: place } = app.device.till;
  const told = await api.read('/v1/printers?limit=100', { within: 6000 }).catch(away);
  if (!told) return (await store.get('state', 'printers')) ?? null;
  const rank = (each) => (each.till === id ? 0 : 1);
  const found = told.items.filter((each) => !each.closed_at && (each.till === id || (!each.till && each.store === place))).sort((one, other) => rank(one) - rank(other));
  store.put('state', 'printers', found).catch(() => {}); // a full disk: asked again next time
  return found;
}

const stood = (standing) => store.put('state', 'printer', { standing, at: api.now() });

/** A print with what can be done about it, kept up to date while it is on the screen. `carries`: it is this page that brings it to the till's own printer. */
function watched(first, road, onend = () => {}, carries = true) {
  const place = h('div', { class: 'card', role: 'status' });
  let print = first;
  let timer;
  let question = null; // a person must look: what they say of it
  let isCarrying = false;
  let isAsking = false;
  const isMute = () => print.via === 'till' && print.state === 'SENT' && !isCarrying && api.now() - Date.parse(print.sent_at) > ASK_AFTER_MS;
  const asked = () => question ?? (isMute() ? (is) => carrier.looked(print.id, print.sends, is) : null);
  const act = (words, what, more) => button(say(words), async () => {
    try { const told = await what(); if (told) print = told; } catch (failed) { place.append(h('p', {}, broken(no(failed)))); return; }
    tell();
  }, more);
  const own = () => act('tills.retry', () => carried(true), { sign: 'refresh' });
  async function carried(ask) {
    isCarrying = true;
    const came = await carrier.carry(print.id, road, ask).finally(() => { isCarrying = false; });
    if (came.none) return void place.append(h('p', {}, say('tills.no_own')));
    question = came.ask ?? null;
    return came.print ?? api.read(`/v1/prints/${print.id}`);
  }
  const seen = (is) => act(is ? 'tills.came' : 'tills.came_not', () => { const answer = asked(); question = null; return answer(is); });
  const tell = () => {
    const waits = WAITS.includes(print.state);
    isAsking = Boolean(asked());
    stood(print.state === 'PRINTED' ? 'ok' : print.state === 'JAMMED' ? 'off' : 'unknown');
    place.replaceChildren(...[
      h('div', { class: 'pair' }, chip(print), h('span', { class: 'meta' }, when(print.opened_at))),
      print.again > 0 && h('p', { class: 'meta' }, say('tills.again', { n: print.again })),
      trouble(print) && h('p', {}, broken(trouble(print))),
      isAsking && h('p', {}, h('strong', {}, say('tills.did_it'))),
      isAsking ? h('div', { class: 'tiles' }, seen(true), seen(false))
        : waits && h('div', { class: 'tiles' },
          print.via === 'till' ? own() : act('tills.retry', () => api.post(`/v1/prints/${print.id}/retry`, {}), { sign: 'refresh' }),
          print.state !== 'SENT' && act('tills.give_up', () => api.post(`/v1/prints/${print.id}/give-up`, {}), { kind: 'bare' })),
    ].filter(Boolean));
    if (!waits) onend();
  };
  const look = async () => {
    if (!place.isConnected && timer) return;
    if (WAITS.includes(print.state) && !question && (print.via === 'network' || !carries)) {
      const told = await api.read(`/v1/prints/${print.id}`, { within: 5000 }).catch(() => print);
      if (told.state !== print.state || told.trouble !== print.trouble) { print = told; tell(); }
    }
    if (isAsking !== Boolean(asked())) tell();
    timer = setTimeout(look, LOOK_MS);
  };
  isCarrying = carries && print.via === 'till' && WAITS.includes(print.state);
  tell();
  look();
  onLeave(() => clearTimeout(timer));
  if (isCarrying) carried(false).then((told) => { if (told) { print = told; tell(); } }).catch(() => {});
  return place;
}

/** A wish to print that waits for the network, and what becomes of it while one looks: the outbox brings it to the printer. */
function kept({ key, road }, onend) {
  const place = h('div', { class: 'card', role: 'status' });
  const tell = async () => {
    const now = (await outbox.waiting()).find((each) => each.key === key);
    const print = now ? null : await api.read(`/v1/prints/${key}`, { within: 6000 }).catch(() => null);
    if (print) { stop(); place.replaceWith(watched(print, road, onend, false)); return; }
    place.replaceChildren(h('div', { class: 'pair' }, h('span', { class: 'chip warn' }, icon('clock'), say('tills.print_kept'))),
      h('p', {}, broken(now?.problem ? say('tills.odd.print') : say('tills.print_waits'))));
    if (now?.problem) onend();
  };
  const stop = outbox.watch(tell);
  onLeave(stop);
  tell();
  return place;
}

/** The wish to print this at this printer that waits already. */
const waits = async (of, printer) => (await outbox.waiting()).find(({ kind, wish, problem }) => kind === 'print' && !problem && wish.of === of && (!printer || wish.printer === printer));

const MAILED = { QUEUED: ['brand', 'clock'], SENT: ['ok', 'circle-check'], GONE: ['bad', 'alert-triangle'] };
const mailTrouble = (mailing) => (mailing.state === 'GONE' ? say('tills.mailing_gone') : mailing.trouble ? say('tills.mailing_waits') : '');

/** A field for the customer's address, one button, and what became of the letter, as long as it is on the screen. */
function sending(of) {
  const field = h('input', { id: 'target', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', inputmode: 'email', maxlength: '254', required: true, 'aria-describedby': 'target-hint' });
  const place = h('div', { class: 'stack', role: 'status' });
  const known = new Map(); // the same address pressed twice is one letter
  let timer;
  let asked = ''; // whose news is shown: the letter that was asked for last
  const tell = (mailing) => {
    const [kind, sign] = MAILED[mailing.state];
    place.replaceChildren(h('div', { class: 'pair' }, h('span', { class: `chip ${kind}` }, icon(sign), say(`tills.mailing.${mailing.state}`)), h('span', { class: 'meta' }, mailing.shown)),
      ...(mailTrouble(mailing) ? [h('p', {}, broken(mailTrouble(mailing)))] : []));
    clearTimeout(timer);
    if (mailing.state === 'QUEUED') timer = setTimeout(() => look(mailing), LOOK_MS);
    else known.clear();
  };
  const look = async (mailing) => {
    const told = await api.read(`/v1/mailings/${mailing.id}`, { within: 5000 }).catch(() => mailing);
    if (place.isConnected && told.id === asked) tell(told);
  };
  const send = async (event) => {
    event.preventDefault();
    const typed = field.value.trim();
    const way = typed.includes('@') ? 'email' : 'sms';
    const target = way === 'sms' ? typed.replace(/[\s()-]/g, '') : typed;
    if (!known.has(target)) known.set(target, newId('ZM', api.now()));
    const id = asked = known.get(target);
    clearTimeout(timer);
    try {
      const told = await api.post(`/v1/receipts/${of}/send`, { id, way, target, lang, consent: true });
      if (id === asked) tell(told);
    } catch (failed) {
      if (id === asked) place.replaceChildren(h('p', { class: 'error' }, broken(no(failed))));
    }
    place.scrollIntoView({ block: 'nearest' }); // it stands below the button, and the button at the end of a small screen
  };
  onLeave(() => clearTimeout(timer));
  return h('form', { class: 'card', onsubmit: send },
    h('div', { class: 'field' }, h('label', { for: 'target' }, say('tills.send_to')), field, h('p', { id: 'target-hint', class: 'hint' }, say('tills.send_hint'))),
    button(say('tills.send'), null, { kind: 'wide', sign: 'message-circle', type: 'submit' }), place);
}

export async function slip({ of, act = '', from = 'pad', id }) {
  await later();
  const back = backBar(say(of.startsWith('YR') ? 'tills.slip_refund' : 'tills.slip'), () => go(from, { id }));
  const status = h('div', { class: 'stack' });
  const choices = h('div', { class: 'stack' });
  let told;
  let found;
  try {
    [told, found] = await Promise.all([api.read(`/v1/receipts/${of}?lang=${lang}`, { within: 8000 }).catch(away), printers()]);
  } catch (failed) {
    return [back, h('main', {}, h('p', { class: 'empty' }, broken(no(failed))))];
  }
  const roads = carrier.has();
  const roadOf = () => (roads.usb ? 'usb' : 'bluetooth');
  const free = () => { choices.hidden = false; };
  const print = async (printer, road) => {
    choices.hidden = true;
    store.put('state', 'way', { printer: printer.id, road });
    const before = await waits(of, printer.id);
    if (before) { status.replaceChildren(kept(before, free)); return; }
    const wish = { id: newId('ZP', api.now()), printer: printer.id, of, lang }; // once, and on the disk before it leaves
    const fen = (await store.get('charges', of))?.fen ?? 0;
    const keep = (more) => outbox.keep('print', '/v1/prints', wish, { fen, ...more });
    const entry = await keep({ send: false });
    try {
      const made = await api.post('/v1/prints', wish);
      await outbox.drop(entry);
      status.replaceChildren(watched(made, road ?? roadOf(), free));
    } catch (failed) {
      if (failed instanceof api.Away) { status.replaceChildren(kept(await keep({ road: road ?? roadOf() }), free)); return; }
      await outbox.drop(entry);
      free();
      status.replaceChildren(h('p', {}, broken(no(failed))));
    }
  };
  const ways = (found ?? []).flatMap((each) => (each.via === 'network' ? [[each]] : Object.keys(roads).filter((road) => roads[road]).map((road) => [each, road])));
  const name = (each, road) => [say('tills.print'), each.name || say('tills.printer'), road && say(`tills.road.${road}`)].filter(Boolean).join(' · ');
  choices.append(...(ways.length ? ways.map(([each, road]) => button(name(each, road), () => print(each, road), { kind: 'wide', sign: 'receipt' })) : [h('p', { class: 'meta' }, broken(say(found ? 'tills.no_printer' : 'tills.away')))]));
  const last = await store.get('state', 'way'); // the way of last time is the way
  const way = ways.find(([each, road]) => each.id === last?.printer && road === last.road) ?? (ways.length === 1 ? ways[0] : null);
  const before = await waits(of);
  if (before) status.append(kept(before, free));
  if (act === 'print' && way) print(...way);
  const picture = (svg, alt, kind) => h('img', { class: kind, alt, src: `data:image/svg+xml,${encodeURIComponent(svg)}` });
  return [
    back,
    h('main', {}, h('div', { class: 'scroll narrow', tabindex: '0' },
      status, choices,
      !told ? h('p', { class: 'meta' }, broken(say('tills.slip_away')))
        : told.link_svg ? h('div', { class: 'card result-qr' }, h('p', {}, h('strong', {}, say('tills.hold_out'))), picture(told.link_svg, say('tills.qr'), 'qr'))
          : h('p', { class: 'meta' }, say(app.frame ? 'tills.no_link_practice' : 'tills.no_link')),
      told?.link && sending(of),
      told && h('details', { open: act !== 'show' && act !== 'print' }, h('summary', {}, say('tills.as_text')), h('pre', { class: 'slip', tabindex: '0' }, told.text)))),
  ];
}

/** What still waits for a printer: a jam stays here until it is put right or given up. */
export async function queue() {
  await later();
  const list = h('div', { class: 'scroll narrow', tabindex: '0' });
  const roads = carrier.has();
  try {
    const pages = await Promise.all(['JAMMED', 'QUEUED', 'SENT'].map((state) => api.read(`/v1/prints?state=${state}&limit=50`, { within: 8000 })));
    const items = pages.flatMap((page) => page.items);
    list.append(...items.map((each) => h('section', { class: 'stack' },
      h('h2', { class: 'meta' }, `${say(`tills.of.${each.kind}`)} · ${say('till.tail', { tail: each.of.slice(-4) })}`),
      each.via === 'network' ? watched(each) : each.state === 'SENT' ? watched(each, roads.usb ? 'usb' : 'bluetooth', undefined, false) : ownRow(each, roads))));
    if (!items.length) list.append(h('p', { class: 'empty' }, broken(say('tills.queue_empty'))));
  } catch (failed) {
    list.append(h('p', { class: 'empty' }, broken(no(failed))));
  }
  return [backBar(say('tills.queue'), () => go('more')), h('main', {}, list)];
}

const ownRow = (print, roads) => h('div', { class: 'card' },
  h('div', { class: 'pair' }, chip(print), h('span', { class: 'meta' }, when(print.opened_at))),
  trouble(print) && h('p', {}, broken(trouble(print))),
  h('div', { class: 'tiles' },
    Object.keys(roads).filter((road) => roads[road]).map((road) => button(say('tills.retry'), (event) => event.currentTarget.closest('.card').replaceWith(watched(print, road)), { sign: 'refresh' })),
    button(say('tills.give_up'), async () => { await api.post(`/v1/prints/${print.id}/give-up`, {}); go('slips'); }, { kind: 'bare' })));
