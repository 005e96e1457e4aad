// Charging without pressing a gun: point it at the phone now, or key the digits under the customer's code.

import { app, backBar, go } from '../app.js';
import { button, h, icon } from '../dom.js';
import { fenOf, shown } from '../money.js';
import { say } from '../words.js';
import { scanned } from './pad.js';

export function code() {
  const field = h('input', { id: 'code', inputmode: 'numeric', autocomplete: 'off', maxlength: '64', 'aria-describedby': 'hint' });
  app.scan = scanned;
  return [
    backBar(say('till.scan_to_charge')),
    h('main', {}, h('form', { class: 'scroll narrow', onsubmit: (event) => { event.preventDefault(); scanned(field.value, { typed: true }); } },
      h('div', { class: 'card center' }, h('p', { class: 'sum' }, shown(fenOf(app.text))), h('p', {}, icon('scan'), ` ${say('till.point')}`)),
      h('div', { class: 'field' }, h('label', { for: 'code' }, say('till.key_code')), field, h('p', { id: 'hint', class: 'hint' }, say('till.key_code_hint'))),
      button(say('till.charge_code'), null, { kind: 'main wide', type: 'submit' }),
      button(say('till.back'), () => go('pad'), { kind: 'bare wide' }))),
  ];
}
