// What is being sold, piece by piece: goods by their barcode, at the price of the list. The amount on the pad follows it
// until somebody keys another; the guards then compare the two (docs/reference/catalog.md).

import * as api from './api.js';
import * as store from './store.js';
import { app } from './app.js';
import { keyedOf } from './money.js';
import { lang } from './words.js';

let lines = []; // { id: its barcode, name_zh, name_en, quantity, price_fen }

export const all = () => lines;
export const pieces = () => lines.reduce((sum, each) => sum + each.quantity, 0);
export const total = () => lines.reduce((sum, each) => sum + each.quantity * each.price_fen, 0);

/** From now on this is sold, and costs what it adds up to. */
export function set(next) {
  lines = next.filter((each) => each.quantity > 0);
  app.text = lines.length ? keyedOf(total()) : '';
}

/** So many pieces more, or fewer, of goods. */
export function add(goods, count = 1) {
  const known = lines.find((each) => each.id === goods.id);
  set(known ? lines.map((each) => (each === known ? { ...goods, quantity: known.quantity + count } : each)) : [...lines, { ...goods, quantity: count }]);
}

/** What goods are called here. */
export const nameOf = (goods) => goods[`name_${lang}`] || goods.name_zh || goods.name_en;

/** As a charge and the guards take it. */
export const wish = () => lines.map(({ id, name_zh, name_en, quantity, price_fen }) => ({ id, name: name_zh || name_en, quantity, amount_fen: quantity * price_fen }));

/** As a charge of this amount takes it: less than the sum is a discount; more is nothing the lines could tell. */
export const sold = (fen) => (fen <= total() ? wish() : []);

/** Goods on sale under a barcode, without a network as last heard; null: none here. */
export async function find(barcode) {
  const key = `goods ${barcode}`;
  try {
    const [found] = (await api.read(`/v1/goods?barcode=${barcode}&limit=1`, { within: 3000 })).items;
    const goods = found ? { id: barcode, name_zh: found.name_zh, name_en: found.name_en, price_fen: found.price_fen } : null;
    await (goods ? store.put('state', key, goods) : store.drop('state', key)).catch(() => {}); // a full disk: it is asked again
    return goods;
  } catch (trouble) {
    if (!(trouble instanceof api.Away)) return null;
    return (await store.get('state', key)) ?? null;
  }
}
