// Who works here: one's own name, then the fingerprint or six digits. Also the lock, and the change of cashier.

import * as api from '../api.js';
import * as people from '../people.js';
import { app, go, netChip } from '../app.js';
import { bare, broken, button, h, heading, icon } from '../dom.js';
import { lang, lines, say } from '../words.js';
import { language } from './enrol.js';
import { play } from '../tones.js';

export async function signin({ locked = false, ended = false, changing = false, person = null }) {
  const everybody = await people.listed();
  const chosen = person ?? ((locked || ended) && everybody.find((each) => each.account === app.who?.account));
  return [
    h('header', { class: 'bar' },
      changing && app.who && bare('chevron-left', say('till.back'), () => app.begin()),
      h('span', { class: 'where' }, `${app.device.till.store_name} · ${app.device.till.name}`), netChip(), language()),
    h('main', {}, h('div', { class: 'scroll narrow' },
      heading(say(locked ? 'till.locked' : ended ? 'till.ended' : 'till.who')),
      chosen ? proof(chosen) : names(everybody))),
  ];
}

function names(everybody) {
  const able = everybody.filter((each) => each.has_pin || each.has_passkey);
  if (!able.length) return h('p', { class: 'empty' }, broken(say(api.net.online ? 'till.nobody' : 'till.nobody_offline')));
  return h('ul', { class: 'tiles people' }, able.map((each) => h('li', {},
    h('button', { type: 'button', class: 'tile btn', onclick: () => go('signin', { person: each, changing: Boolean(app.who) }) },
      icon('user'), h('span', {}, each.name, h('small', {}, say(`till.role.${each.role}`)))))));
}

/** The fingerprint at once where there is one; else six digits. */
function proof(person) {
  const wrong = h('p', { class: 'error center', role: 'alert' });
  const dots = Array.from({ length: 6 }, () => h('i'));
  let pin = '';
  let busy = false;
  const tell = () => dots.forEach((dot, place) => dot.classList.toggle('on', place < pin.length));
  const attempt = async (how, isPin) => {
    if (busy) return;
    busy = true;
    wrong.textContent = '';
    try {
      await how();
      await app.begin();
    } catch (trouble) {
      play('wrong');
      wrong.textContent = isPin && trouble.code === 'signin.refused' ? say('till.pin_no') : trouble instanceof api.Problem ? lines(trouble.told[`title_${lang}`] ?? trouble.code).join(' ')
        : trouble instanceof api.Away ? say('till.signin_away') : say('till.finger_no');
    }
    busy = false;
    pin = '';
    tell();
  };
  const press = (key) => {
    if (busy) return null;
    const was = pin;
    pin = key === 'back' ? pin.slice(0, -1) : (pin + key).slice(0, 6);
    tell();
    if (pin.length === 6) attempt(() => people.byPin(person, pin), true);
    return () => { pin = was; tell(); };
  };
  app.type = (key) => {
    if (!person.has_pin) return null;
    if (key === 'Backspace') return press('back');
    return /^\d$/.test(key) ? press(key) : null;
  };
  const key = (digit) => h('button', { type: 'button', class: 'key', onclick: () => press(digit) }, digit);
  return h('div', { class: 'stack' },
    h('p', { class: 'center' }, h('strong', {}, person.name), ` · ${say(`till.role.${person.role}`)}`),
    person.has_passkey && button(say('till.finger'), () => attempt(() => people.byPasskey(person)), { kind: 'main wide', sign: 'fingerprint' }),
    person.has_pin && h('div', { class: 'stack' },
      h('p', { class: 'center meta' }, say('till.pin')),
      h('div', { class: 'dots', role: 'img', 'aria-label': say('till.pin') }, dots),
      h('div', { class: 'pad pin' }, [...'123456789'].map(key), h('span'), key('0'),
        h('button', { type: 'button', class: 'key quiet', 'aria-label': say('till.key_back'), onclick: () => press('back') }, icon('backspace')))),
    wrong,
    button(say('till.other_person'), () => go('signin', { changing: Boolean(app.who) }), { kind: 'bare', sign: 'users' }));
}
