// Says once a minute how this device is, and hears what somebody wrote to it and whether it is locked.

import * as api from './api.js';
import * as charge from './charge.js';
import * as store from './store.js';
import { app, go } from './app.js';
import { button, h, icon } from './dom.js';
import { gather, release } from './health.js';
import { later, say } from './words.js';

const BEAT_MS = 60_000;
const HELD_MS = 10_000; // a locked till hears soon that it is free
let timer;
let note = null; // { text, at }
let beating = Promise.resolve();
app.dress = (root) => dress(root);

/** What somebody wrote stands on top of every screen until it is read. */
function dress(root) {
  if (!note) return;
  const bar = h('div', { class: 'banner note', role: 'status' }, icon('message-circle'), h('span', {}, note.text), button(say('tills.read'), async () => {
    await store.put('state', 'note_read', note.at);
    note = null;
    bar.remove();
  }));
  root.prepend(bar);
}

/** Take in what the server says of this till. */
async function heard(told) {
  const held = told.locked_at ? { why: told.locked_why, at: told.locked_at } : null;
  const was = app.held;
  app.held = held;
  await store.put('state', 'held', held);
  const isNew = told.message && told.message_at !== await store.get('state', 'note_read');
  const had = note?.at;
  note = isNew ? { text: told.message, at: told.message_at } : null;
  const isFree = app.who && !(charge.current && charge.isOpen(charge.current));
  if (held && !was && isFree && ['pad', 'code', 'show'].includes(app.screen)) return go('held');
  if (!held && app.screen === 'held') return go('pad');
  if (note?.at !== had) {
    document.querySelector('.banner.note')?.remove();
    dress(document.getElementById('till'));
  }
  return undefined;
}

/** Beat now, and again later whatever became of it. One after the other: an older answer never overwrites a newer. */
export const beat = () => (beating = beating.then(once, once));

async function once() {
  clearTimeout(timer);
  try {
    await later();
    if (app.device && api.net.online) {
      const wish = { release: await release(), health: await gather() };
      await heard(await api.post(`/v1/tills/${app.device.till.id}/beat`, wish, { as: 'till', within: 8000 }));
    }
  } catch (trouble) {
    if (!(trouble instanceof api.Away || trouble instanceof api.Problem || trouble instanceof TypeError)) throw trouble; // TypeError: no network for the words
  } finally {
    timer = setTimeout(beat, app.held ? HELD_MS : BEAT_MS);
  }
}

export function start() {
  api.onNet((is) => is && beat());
  beat();
}
