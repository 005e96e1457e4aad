// Who works here, and how the till looks and sounds.

import * as charge from '../charge.js';
import { app, backBar, go, set } from '../app.js';
import { button, h } from '../dom.js';
import { lang, say } from '../words.js';

const isDark = () => document.documentElement.dataset.theme === 'dark';

export async function more() {
  const isFree = !(await charge.latest(60)).some(charge.isOpen); // what is under way is looked after first
  const change = (changes) => async () => { await set(changes()); go('more'); };
  const tile = (words, onclick, sign, pressed) => button(words, onclick, { kind: 'tile', sign, 'aria-pressed': pressed });
  const { sound, shake } = app.settings;
  return [
    backBar(say('till.more')),
    h('main', {}, h('div', { class: 'scroll narrow' },
      h('p', {}, h('strong', {}, app.who.name), ` · ${say(`till.role.${app.who.role}`)}`, h('br'), h('span', { class: 'meta' }, `${app.device.till.store_name} · ${app.device.till.name}`)),
      h('div', { class: 'tiles' },
        tile(say('till.change'), () => go('signin', { changing: true }), 'users'),
        tile(say('till.shift'), () => go('shift'), 'cash'),
        tile(say('till.queue'), () => go('queue'), 'clock'),
        tile(say('till.lock'), () => go('signin', { locked: true }), 'lock'),
        tile(lang === 'zh' ? 'English' : '中文', change(() => ({ lang: lang === 'zh' ? 'en' : 'zh' })), 'language'),
        tile(say(isDark() ? 'till.light' : 'till.dark'), change(() => ({ theme: isDark() ? 'light' : 'dark' })), isDark() ? 'sun' : 'moon'),
        tile(say('till.sound'), change(() => ({ sound: !sound })), sound ? 'volume' : 'volume-off', String(sound)),
        tile(say('till.shake'), change(() => ({ shake: !shake })), 'device-tablet', String(shake)),
        isFree && tile(say('till.practice'), () => { location.hash = 'practice'; }, 'school'),
        tile(say('till.device'), () => go('device'), 'device-tablet'),
        tile(say('till.slips'), () => go('slips'), 'receipt'),
        tile(say('till.second_screen'), () => open('/till#display', 'yuanlu-display'), 'external-link')))),
  ];
}
