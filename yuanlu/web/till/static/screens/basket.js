// The goods of this sale: more, fewer, none; what was taken out by mistake comes back with one tap.

import * as basket from '../basket.js';
import { app, backBar, go } from '../app.js';
import { button, h } from '../dom.js';
import { shown } from '../money.js';
import { say } from '../words.js';
import { scanned } from './pad.js';

export function goods({ before = null }) {
  const change = (each, count) => { basket.add(each, count); go('basket'); };
  const sign = (words, onclick, name) => button(words, onclick, { kind: 'sign', 'aria-label': name });
  const row = (each) => h('div', { class: 'row' },
    h('div', {}, h('div', { class: 'what' }, basket.nameOf(each)), h('div', { class: 'meta' }, `${shown(each.price_fen)} × ${each.quantity} = ${shown(each.price_fen * each.quantity)}`)),
    sign('−', () => change(each, -1), say('till.one_less', { name: basket.nameOf(each) })),
    sign('+', () => change(each, 1), say('till.one_more', { name: basket.nameOf(each) })));
  app.scan = (text) => scanned(text);
  const all = basket.all();
  return [
    backBar(say('till.basket')),
    h('main', {},
      h('div', { class: 'scroll narrow rows' }, all.length ? all.map(row) : h('p', { class: 'empty' }, say('till.basket_none'))),
      h('div', { class: 'foot' }, h('div', { class: 'narrow stack' },
        button(all.length ? say('till.basket_done', { amount: shown(basket.total()) }) : say('till.basket_leave'), () => go('pad'), { kind: 'main wide', sign: all.length ? 'check' : 'chevron-left' }),
        all.length ? button(say('till.basket_clear'), () => { basket.set([]); go('basket', { before: all }); }, { kind: 'bare wide', sign: 'x' })
          : before && button(say('till.basket_back'), () => { basket.set(before); go('basket'); }, { kind: 'wide', sign: 'arrow-back-up' })))),
  ];
}
