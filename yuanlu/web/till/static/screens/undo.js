// Undo a payment: why, (how much it should have been,) yes. Three taps. Which way the money goes the server picks.

import * as api from '../api.js';
import * as charge from '../charge.js';
import * as people from '../people.js';
import * as outbox from '../outbox.js';
import { app, backBar, DECIDES, go, onLeave, typing } from '../app.js';
import { broken, button, h, heading, icon } from '../dom.js';
import { fenOf, keyed, onPad, shown } from '../money.js';
import { newId } from '../ids.js';
import { lang, lines, said, say, when } from '../words.js';
import { channelName, headline } from './parts.js';
import { play } from '../tones.js';

// Tile, what is reported, sign. `asks`: what more is asked.
const REASONS = [
  ['wrong_amount', 'wrong_amount', 'backspace', 'meant'],
  ['wrong_customer', 'wrong_customer', 'scan'],
  ['charged_twice', 'charged_twice', 'history'],
  ['returned', 'request', 'package'],
  ['unwanted', 'request', 'circle-x'],
  ['other', 'other', 'message-circle', 'words'],
];

export async function undo({ payment }) {
  if ((await outbox.waiting()).some((each) => each.kind === 'case' && each.wish.payment === payment.id)) return go('queue');
  let chosen = null;
  let text = '';
  let sending = false;
  const by = await people.nameOf(payment.opened_by);
  const more = h('div');
  const error = h('p', { class: 'error', role: 'alert' });
  const confirm = button('', () => send(), { kind: 'main wide', sign: 'arrow-back-up', disabled: true });
  const way = h('p', { class: 'meta center' });
  const words = h('textarea', { id: 'words', rows: '2', maxlength: '200', oninput: () => tell() });
  const meant = h('output', { class: 'num', 'aria-live': 'polite' });
  const back = h('span', { 'aria-live': 'polite' });
  const tiles = REASONS.map((reason) => {
    const [name, , sign, more_] = reason;
    return h('button', { type: 'button', class: 'tile', 'aria-pressed': 'false', onclick: () => pick(reason) },
      icon(sign), h('span', {}, say(`till.why.${name}`), more_ && h('small', {}, say(`till.asks.${more_}`))));
  });
  const why = h('fieldset', { class: 'tiles' }, h('legend', {}, say('till.why')), tiles);

  const asks = () => chosen?.[3]; // what more is asked
  const backFen = () => (asks() === 'meant' ? payment.rest_fen - fenOf(text) : payment.rest_fen);
  const ready = () => chosen && !sending && backFen() > 0 && backFen() <= payment.rest_fen
    && (asks() !== 'meant' || text !== '') && (asks() !== 'words' || words.value.trim());

  function pick(reason) {
    const isBack = reason === chosen && asks() === 'meant'; // the one reason that stands alone brings the others back
    chosen = isBack ? null : reason;
    const isAlone = asks() === 'meant'; // what was taken stays in sight of what is keyed
    why.classList.toggle('one', isAlone);
    tiles.forEach((tile, place) => {
      const is = REASONS[place] === chosen;
      tile.setAttribute('aria-pressed', String(is));
      tile.hidden = isAlone && !is;
      if (REASONS[place][3] === 'meant') tile.querySelector('small').textContent = say(isAlone ? 'till.asks.another' : 'till.asks.meant');
    });
    more.replaceChildren(...(isAlone ? [meantCard()] : asks() === 'words'
      ? [h('div', { class: 'field' }, h('label', { for: 'words' }, say('till.asks.words')), words)] : []));
    tell();
    if (isAlone) more.scrollIntoView({ block: 'nearest' });
  }

  const put = (now) => { text = now; tell(); };
  const press = (key) => { const was = text; put(keyed(was, key)); return () => put(was); };
  const meantCard = () => h('div', { class: 'stack' },
    h('div', { class: 'card' },
      h('div', { class: 'pair' }, h('span', {}, say('till.meant')), meant),
      h('div', { class: 'pair' }, h('span', {}, say('till.difference')), back)),
    h('div', { class: 'pad pin', role: 'group', 'aria-label': say('till.keys') },
      [...'123456789.0'].map((each) => h('button', { type: 'button', class: 'key', onclick: () => press(each) }, each)),
      h('button', { type: 'button', class: 'key quiet', 'aria-label': say('till.key_back'), onclick: () => press('back') }, icon('backspace'))));

  function tell() {
    meant.textContent = text ? `¥${onPad(text)}` : '¥ –';
    const isTooMuch = text && backFen() <= 0;
    back.className = isTooMuch ? 'error' : 'num';
    back.textContent = isTooMuch ? say('till.meant_too_much') : text ? shown(backFen()) : '–';
    error.textContent = '';
    confirm.disabled = !ready();
    confirm.lastChild.textContent = say(asks() === 'meant' ? 'till.confirm_difference' : 'till.confirm_back',
      { amount: asks() === 'meant' && !(text && backFen() > 0) ? '' : shown(backFen()) });
    way.textContent = say('till.way', { channel: channelName(payment) });
  }

  async function send() {
    sending = true;
    tell();
    const wish = { id: newId('YC', api.now()), payment: payment.id, what: chosen[1] };
    if (asks() === 'meant') wish.meant_fen = fenOf(text);
    const said_ = asks() === 'words' ? words.value.trim() : chosen[1] === 'request' ? say(`till.why.${chosen[0]}`) : '';
    if (said_) wish.said = said_;
    const kept = await outbox.keep('case', '/v1/cases', wish, { fen: backFen(), send: false });
    if (!api.net.online) { await waits(payment, backFen()); return; }
    try {
      const told = await api.post('/v1/cases', wish);
      await outbox.drop(kept);
      follow(told, payment, backFen());
    } catch (trouble) {
      sending = false;
      play('wrong');
      if (trouble instanceof api.Away) { await waits(payment, backFen()); return; }
      await outbox.drop(kept);
      tell();
      error.textContent = lines(trouble.told[`title_${lang}`] ?? trouble.code).join(' ');
    }
  }

  app.type = (key) => (asks() === 'meant' ? typing(press)(key) : null);
  tell();
  return [
    backBar(say('till.undo')),
    h('main', {},
      h('div', { class: 'scroll narrow' },
        h('div', { class: 'card' }, h('p', { class: 'meta' }, say('till.back_to')), h('p', { class: 'sum' }, shown(payment.rest_fen)),
          h('p', { class: 'meta' }, [channelName(payment), when(payment.opened_at), say('till.tail', { tail: payment.id.slice(-4) }), by].filter(Boolean).join(' · '))),
        why,
        more),
      h('div', { class: 'foot' }, h('div', { class: 'narrow stack' }, error, confirm, way))),
  ];
}

/** The request waits for a network: nothing went back yet, and the line of the payment says so. */
async function waits(payment, fen) {
  const [charge_] = (await charge.latest(60)).filter((each) => each.id === payment.id);
  if (charge_) await charge.marked({ ...charge_, state: 'ASKED' });
  const [title, text] = lines(say('till.undo_kept'));
  await go('case', { place: h('main', {}, h('div', { class: 'result warn', role: 'alertdialog', 'aria-labelledby': 'kept' },
    icon('clock', 'big'), heading(title, { id: 'kept' }), h('p', { class: 'sum' }, shown(fen)), h('p', {}, broken(text)),
    h('div', { class: 'acts' }, button(say('till.done'), () => go('pad'), { kind: 'wide' }), button(say('till.queue'), () => go('queue'), { kind: 'bare wide', sign: 'clock' })))) });
}

const CASE_LOOKS = { CLOSED: ['ok', 'circle-check', 'paid'], REVIEW: ['warn', 'user-question', 'waiting'], SECOND: ['warn', 'users', 'waiting'], ATTENTION: ['warn', 'alert-triangle', 'wrong'], DECLINED: ['bad', 'circle-x', 'wrong'] };

/** What becomes of it: one line, and what is next. A manager may say yes on this device. */
async function follow(first, payment, fen) {
  let told = first;
  let shownAs = '';
  let choosing = false;
  let timer = 0;
  const place = h('main', {}, h('div'));
  const draw = () => {
    const [kind, sign, sound] = CASE_LOOKS[told.state] ?? ['wait', 'arrow-back-up', ''];
    if (choosing || told.state === shownAs) return;
    shownAs = told.state;
    if (sound) play(sound);
    const [title, text] = lines(told.state === 'REVIEW' ? say('till.needs_boss') : said(told));
    place.replaceChildren(h('div', { class: `result ${kind}`, role: 'alertdialog', 'aria-labelledby': 'case' },
      icon(sign, 'big'), headline(title, told.amount_fen || fen, 'case'),
      text && h('p', {}, broken(text)),
      h('p', { class: 'detail' }, next()),
      h('div', { class: 'acts' },
        told.state === 'REVIEW' && button(say('till.boss_here'), () => bosses(), { kind: 'main wide', sign: 'fingerprint' }),
        button(say(told.state === 'REVIEW' ? 'till.boss_later' : 'till.done'), () => go('pad'), { kind: 'wide' }))));
    place.querySelector('h1').focus();
  };
  const next = () => say(told.state === 'CLOSED' ? 'till.case_done' : told.state === 'REVIEW' || told.state === 'SECOND' ? 'till.case_waits' : 'till.case_goes', { channel: channelName(payment), tail: told.id.slice(-4) });

  const look = async () => {
    try {
      told = await api.read(`/v1/cases/${told.id}`);
      if (told.way === 'cash' && told.refund && told.state !== 'CLOSED' && app.screen === 'case') { go('payout', { refund: told.refund, payment: payment.id }); return; }
      charge.noted(await api.read(`/v1/payments/${payment.id}`));
      draw();
    } catch { /* asked again below: the case goes on without us */ }
    if (app.screen === 'case' && told.state !== 'CLOSED') timer = setTimeout(look, 1200);
  };

  async function bosses() {
    const able = (await people.listed()).filter((each) => DECIDES.includes(each.role) && each.has_passkey && each.account !== told.opened_by);
    const error = h('p', { class: 'error', role: 'alert' });
    const agree = async (boss) => {
      error.textContent = '';
      try {
        told = await agreed(told, boss);
        choosing = false;
        draw();
        clearTimeout(timer);
        look();
      } catch (trouble) {
        play('wrong');
        error.textContent = trouble instanceof api.Problem ? lines(trouble.told[`title_${lang}`] ?? trouble.code).join(' ')
          : say(trouble instanceof api.Away ? 'till.undo_away' : 'till.finger_no');
      }
    };
    choosing = true;
    shownAs = '';
    place.replaceChildren(backBar(say('till.boss_who'), () => { choosing = false; draw(); }), h('div', { class: 'scroll narrow' },
      h('div', { class: 'card' }, h('p', { class: 'sum' }, shown(told.amount_fen || fen)), h('p', { class: 'meta' }, channelName(payment))),
      h('ul', { class: 'tiles people' }, able.map((each) => h('li', {}, h('button', { type: 'button', class: 'tile btn', onclick: () => agree(each) },
        icon('fingerprint'), h('span', {}, each.name, h('small', {}, say(`till.role.${each.role}`))))))),
      !able.length && h('p', { class: 'empty' }, broken(say('till.boss_none'))), error,
      button(say('till.boss_later'), () => go('pad'), { kind: 'wide' })));
    place.querySelector('h1').focus();
  }

  await go('case', { place });
  onLeave(() => clearTimeout(timer));
  draw();
  look();
}

/** A manager says yes with their own finger and role; the session that needs is ended at once. */
async function agreed(told, boss) {
  const entry = await people.passkeySession(boss.account);
  const as = entry.token;
  const wish = { version: told.version };
  const path = `/v1/cases/${told.id}/approve`;
  try {
    return await api.post(path, wish, { as });
  } catch (trouble) {
    if (trouble.code !== 'step_up.needed') throw trouble;
    return await api.post(path, wish, { as, stepUp: await people.stepUp(trouble, as) });
  } finally {
    api.post(`/v1/sessions/${entry.session}/end`, {}, { as }).catch(() => {});
  }
}

export const placed = ({ place }) => place;
