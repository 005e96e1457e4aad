// This device becomes a till: by a code that a manager made, once, within 15 minutes.

import * as api from '../api.js';
import * as outbox from '../outbox.js';
import * as store from '../store.js';
import { app, codeTables, go, set } from '../app.js';
import { broken, button, h, heading } from '../dom.js';
import { lang, lines, say } from '../words.js';

export function enrol({ code = '' }) {
  const field = h('input', { id: 'code', name: 'code', value: code, autocomplete: 'off', autocapitalize: 'characters', spellcheck: 'false', 'aria-describedby': 'hint wrong' });
  const wrong = h('p', { id: 'wrong', class: 'error', role: 'alert' });
  const ask = async (event) => {
    event.preventDefault();
    wrong.textContent = '';
    field.removeAttribute('aria-invalid');
    try {
      await become(field.value.trim().toUpperCase());
    } catch (trouble) {
      field.setAttribute('aria-invalid', 'true');
      wrong.textContent = trouble instanceof api.Problem ? lines(trouble.told[`title_${lang}`] ?? trouble.code).join(' ') : say('till.enrol_away');
    }
  };
  app.scan = (text) => { field.value = /#enrol=([0-9A-Za-z-]{12,20})$/.exec(text)?.[1] ?? text; };
  return [
    h('header', { class: 'bar' }, heading(say('till.enrol')), h('span', { class: 'where' }), language()),
    h('main', {}, h('form', { class: 'scroll narrow', onsubmit: ask, novalidate: true },
      h('p', {}, broken(say('till.enrol_how'))),
      h('div', { class: 'field' },
        h('label', { for: 'code' }, say('till.enrol_code')), field,
        h('p', { id: 'hint', class: 'hint' }, say('till.enrol_hint')), wrong),
      button(say('till.enrol_do'), null, { kind: 'main wide', sign: 'device-tablet', type: 'submit' }))),
  ];
}

export const language = () => button(lang === 'zh' ? 'English' : '中文', async () => {
  await set({ lang: lang === 'zh' ? 'en' : 'zh' });
  go(app.screen, {});
}, { kind: 'bare', sign: 'language', lang: lang === 'zh' ? 'en' : 'zh-CN' });

async function become(code) {
  const { key, spki } = await api.newKey();
  const made = await api.post('/v1/enrolments', { code, public_key: spki }, { as: '' });
  const device = { token: made.api_key, keyId: made.key.id, key, till: { id: made.key.till, name: '', store: '', store_name: '' } };
  await store.put('state', 'device', device); // before all else: the code counted, and the token is told once
  app.device = device;
  api.be(device);
  outbox.lookAfter();
  await named();
  await codeTables();
  history.replaceState(null, '', '/till');
  navigator.storage?.persist?.();
  await go('signin');
}

/** The names of this till and its store, as the server has them. */
export async function named() {
  let after = '';
  do {
    const page = await api.read(`/v1/tills?limit=200${after && `&after=${after}`}`, { as: 'till' });
    const own = page.items.find((each) => each.id === app.device.till.id);
    if (own) {
      app.device.till = own;
      await store.put('state', 'device', app.device);
      return;
    }
    after = page.next;
  } while (after);
}
