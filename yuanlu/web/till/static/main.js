// Starts the till: what it keeps is read, what was under way is looked after, then the screen that fits comes.

import * as api from './api.js';
import * as charge from './charge.js';
import * as outbox from './outbox.js';
import * as people from './people.js';
import * as store from './store.js';
import * as words from './words.js';
import { app, apply, codeTables, go, stage } from './app.js';
import { listen } from './gun.js';

const screen = (name, make = name) => () => import(`./screens/${name}.js`).then((module) => module[make]);

stage({
  enrol: screen('enrol'),
  signin: screen('signin'),
  pad: screen('pad'),
  charge: screen('result'),
  wrong: screen('result', 'wrong'),
  question: screen('result', 'question'),
  camera: screen('sight'),
  code: screen('code'),
  show: screen('show'),
  display: screen('show', 'display'),
  undo: screen('undo'),
  case: screen('undo', 'placed'),
  bills: screen('bills'),
  bill: screen('bills', 'bill'),
  more: screen('more'),
  basket: screen('basket', 'goods'),
  cash: screen('cash'),
  taken: screen('cash', 'taken'),
  payout: screen('cash', 'payout'),
  shift: screen('shifts', 'shift'),
  open: screen('shifts', 'open'),
  count: screen('shifts', 'count'),
  check: screen('shifts', 'check'),
  queue: screen('queue'),
  full: screen('queue', 'full'),
  why: screen('why'),
  slip: screen('slip'),
  slips: screen('slip', 'queue'),
  device: screen('device'),
  held: screen('device', 'held'),
});

const practises = () => location.hash === '#practice';

async function start() {
  const settings = await store.get('state', 'settings');
  Object.assign(app.settings, settings ?? { lang: new URLSearchParams(location.search).get('lang') ?? (navigator.language.startsWith('en') ? 'en' : 'zh') });
  words.load(app.settings.lang);
  apply();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', apply);
  addEventListener('hashchange', () => location.reload());
  if (location.hash === '#display') return go('display');
  app.gun = listen({ scanned: (text) => app.scan?.(text), typed: (letter) => app.type?.(letter) });
  api.onSignedOut(async () => { await people.forgotten(); await go('signin', { ended: true }); });
  people.watch();
  addEventListener('unhandledrejection', (event) => {
    if (event.reason?.name !== 'QuotaExceededError') return;
    event.preventDefault();
    go('full');
  });
  setInterval(() => { if (!api.net.online && navigator.onLine) api.read('/healthz', { as: '', within: 3000 }).catch(() => {}); }, 3000);
  app.device = await store.get('state', 'device');
  if (!app.device) return go('enrol', { code: location.hash.match(/^#enrol=([0-9A-Za-z-]{12,20})$/)?.[1] ?? '' });
  api.be(app.device);
  outbox.lookAfter();
  app.held = await store.get('state', 'held');
  if (await people.resumed()) return begin();
  return go('signin');
}

/** What can wait until the first screen stands: on a weak network it would only stand in its way. */
function afterwards() {
  if (app.device) {
    Promise.all([codeTables(), import('./classify.js')]).catch(() => {}); // the next scan asks again
    setTimeout(() => import('./beat.js').then((beat) => beat.start()), 1500);
  }
  if (!practises() && app.screen !== 'display') keepReleases();
}

/** The first screen of who is signed in: what is under way, else the pad. */
export async function begin() {
  if (practises()) return (await import('./practice.js')).begin();
  const open = charge.current && charge.isOpen(charge.current) ? charge.current : await charge.resumed();
  if (!open) return go('pad');
  return open.state === 'SHOWN' ? go('show', { resume: true, channel: open.told?.channel }) : go('charge');
}
app.begin = begin;

/** A newer release takes over between payments only; until then the old page goes on. */
async function keepReleases() {
  if (!('serviceWorker' in navigator)) return;
  let had = Boolean(navigator.serviceWorker.controller); // the first worker of all takes nothing over
  navigator.serviceWorker.addEventListener('controllerchange', () => { if (had) location.reload(); had = true; }); // before it can come
  const known = await navigator.serviceWorker.register('/till/sw.js', { scope: '/till', updateViaCache: 'none' });
  if (!known) return; // a browser that keeps none
  setInterval(() => {
    const isBetween = ['pad', 'signin', 'enrol'].includes(app.screen) && !app.text && !(charge.current && charge.isOpen(charge.current));
    if (known.waiting && isBetween) known.waiting.postMessage('take over');
  }, 1000);
  setInterval(() => known.update().catch(() => {}), 30 * 60_000);
}

start().finally(afterwards);
