// What became of a charge, as large as the screen: waiting, checking, paid, cancelled, late. And a wrong code.

import * as basket from '../basket.js';
import * as charge from '../charge.js';
import * as guards from '../guards.js';
import { app, begin, go, onLeave } from '../app.js';
import { broken, button, h, heading, icon } from '../dom.js';
import { keyedOf, shown } from '../money.js';
import { lang, lines, said, say } from '../words.js';
import { channelName, headline } from './parts.js';
import { play } from '../tones.js';

const SUCCESS_MS = 3000;

/** How a charge looks now: kind, sign, headline, text, and the code of its sound. */
function look(now) {
  const { state, told, doubt, problem } = now;
  if (problem) return ['bad', 'alert-triangle', ...lines(problem[`title_${lang}`] ?? problem.code), 'wrong'];
  if (state === 'NEVER') return ['bad', 'circle-x', ...lines(say('till.never')), 'wrong'];
  if (state === 'PAID') return ['ok', 'circle-check', say('till.paid'), '', 'paid'];
  if (charge.isOpen(now) && (doubt || told?.says_en === undefined)) {
    if (doubt) return ['warn', 'clock', ...lines(say('pay.unknown')), 'waiting'];
    return ['wait', 'refresh', say('till.asking'), '', ''];
  }
  const [title, text] = lines(said(told));
  if (state === 'SENT' && told.waiting_for === 'payer_confirms') return ['wait', 'refresh', title, null, 'waiting'];
  if (state === 'SENT') return ['warn', 'clock', ...lines(say('pay.unknown')), 'waiting'];
  const sign = { LATE_PAID: 'alert-triangle', REVERSED: 'arrow-back-up', REVERSING: 'clock', CLOSING: 'clock' }[state] ?? 'circle-x';
  return [charge.LOOKS[state].kind, sign, title, text, charge.isOpen(now) ? 'waiting' : 'wrong'];
}

export function result() {
  const place = h('main', {}, h('div'));
  let told = '';
  let over = 0;
  const show = (now) => {
    if (now.id !== charge.current?.id) return;
    const [kind, sign, title, text, sound] = look(now);
    const seconds = charge.waited(now);
    const key = `${kind}|${title}|${now.state}`;
    if (key !== told) {
      if (sound) play(sound);
      if (told && !charge.isOpen(now)) app.gun.rest();
      told = key;
      place.replaceChildren(drawn(now, kind, sign, title, text));
      place.querySelector('h1').focus();
      clearTimeout(over);
      if (now.state === 'PAID') {
        performance.mark(`paid-${now.id}`);
        over = setTimeout(() => go('pad'), SUCCESS_MS);
      }
    }
    tick(now, text, seconds);
  };
  const tick = (now, text, seconds) => {
    const line = place.querySelector('[data-wait]');
    if (line && text === null) line.replaceChildren(...broken(say('till.waited', { n: seconds, max: charge.waitsAtMost(now) })));
    const cancel = place.querySelector('[data-cancel]');
    const left = charge.CANCEL_AFTER_S - seconds;
    if (cancel) {
      cancel.disabled = left > 0;
      cancel.lastChild.textContent = left > 0 ? say('till.cancel_in', { n: left }) : say('till.cancel');
    }
  };
  const unwatch = charge.watch(show);
  const ticking = setInterval(() => charge.current && show(charge.current), 500);
  onLeave(() => { unwatch(); clearInterval(ticking); clearTimeout(over); });
  app.scan = () => { if (charge.current && !charge.isOpen(charge.current)) go('pad'); };
  app.type = (key) => (charge.current && !charge.isOpen(charge.current) ? begin(key) : null);
  show(charge.current);
  return place;
}

function drawn(now, kind, sign, title, text) {
  const isOpen = charge.isOpen(now);
  const isPaid = ['PAID', 'LATE_PAID'].includes(now.state);
  const { told } = now;
  const acts = isOpen ? [
    button(say('till.ask_again'), () => charge.askNow(), { kind: 'wide' }),
    h('button', { type: 'button', class: 'btn bare wide', 'data-cancel': true, disabled: true, onclick: (event) => { event.currentTarget.disabled = true; charge.cancel(); } }, h('span')),
    button(say('till.aside'), () => go('pad'), { kind: 'bare wide' }),
  ] : [
    button(say(isPaid ? 'till.next' : 'till.anew'), () => { if (!isPaid) { basket.set(now.basket ?? []); app.text = keyedOf(now.fen); } go('pad'); }, { kind: 'wide' }),
    now.state === 'PAID' && h('div', { class: 'tiles' }, slip(now, 'print', 'till.print'), slip(now, 'show', 'till.show_slip')),
    now.state === 'PAID' ? button(say('till.undo_wrong'), () => go('undo', { payment: told }), { kind: 'bare wide', sign: 'arrow-back-up' })
      : !isPaid && button(say('till.back'), () => go('pad'), { kind: 'bare wide' }),
    now.state !== 'PAID' && button(say('till.why_failed'), () => go('why', { charge: now, from: 'charge' }), { kind: 'bare wide', sign: 'info-circle' }),
  ];
  return h('div', { class: `result ${kind}`, role: 'alertdialog', 'aria-labelledby': 'result' },
    icon(sign, 'big'), headline(title, now.fen, 'result'),
    text === null ? h('p', { 'data-wait': true }) : text && h('p', {}, broken(text)),
    isPaid && h('p', { class: 'detail' }, [channelName(told), say('till.tail', { tail: now.id.slice(-4) })].join(' · ')),
    h('div', { class: 'acts' }, acts));
}

const slip = (now, act, words) => button(say(words), () => go('slip', { of: now.id, act }));


/** A code that nothing can be charged from: what it is, and what to ask for. Nothing was sent. */
export function wrong({ says, wallet, confirm }) {
  play('wrong');
  app.gun.rest();
  const others = ['wechat', 'alipay'].filter((each) => each !== wallet).map((each) => say(`channel.${each}`)).join(say('words.or'));
  const [title, text] = lines(say(says, { channel: say(`channel.${wallet ?? 'card'}`), others }));
  app.scan = (next) => import('./pad.js').then((module) => module.scanned(next));
  return h('main', {}, h('div', { class: 'result bad', role: 'alertdialog', 'aria-labelledby': 'wrong' },
    icon('alert-triangle', 'big'), heading(title, { id: 'wrong' }), text && h('p', {}, broken(text)),
    h('div', { class: 'acts' },
      says === 'net.off' ? button(say('till.take_cash'), () => go('cash'), { kind: 'wide', sign: 'cash' })
        : button(say('till.scan_again'), () => go('pad'), { kind: 'wide' }),
      confirm && button(say('till.is_code'), confirm, { kind: 'bare wide' }),
      button(say('till.back'), () => { app.text = says === 'till.amount_first' ? '' : app.text; go('pad'); }, { kind: 'bare wide' }))));
}

/** Something may be wrong with the amount: asked once, before anything is sent. */
export function question({ ask, fen, charged }) {
  play('wrong');
  app.gun.rest();
  const answer = guards.shown(ask, fen);
  const [title, text] = lines(ask[lang]);
  return h('main', {}, h('div', { class: 'result warn', role: 'alertdialog', 'aria-labelledby': 'question' },
    icon('alert-triangle', 'big'), heading(title, { id: 'question' }), h('p', { class: 'sum' }, shown(fen)), text && h('p', {}, broken(text)),
    h('div', { class: 'acts' },
      button(say('till.change_it'), () => { answer('changed'); go('pad'); }, { kind: 'wide' }),
      button(say('till.is_right'), async (event) => { event.currentTarget.disabled = true; answer('confirmed', await charged(ask.guard)); }, { kind: 'bare wide' }))));
}
