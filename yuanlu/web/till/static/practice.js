// Practice: the till's own screens at a shop that is thrown away. Its calls go to the practice ground (/practice), a whole
// installation on simulated providers; what the till keeps goes into a database of its own. A drill is data (drills.toml):
// the server sets its scene, and what was done is seen here by what was asked and answered.

import * as api from './api.js';
import * as basket from './basket.js';
import * as charge from './charge.js';
import * as outbox from './outbox.js';
import * as store from './store.js';
import { app, go, stage } from './app.js';
import { broken, button, h, icon } from './dom.js';
import { newId } from './ids.js';
import { lang, later, say } from './words.js';

const LOST_MS = 7000; // so long an answer stays lost
const END_MS = 1600; // what happened stays in sight before the drill ends
const STARTS_MS = 90_000; // a ground that nobody used for a while is made anew
const OTHERS = { goods: '6901234567892', payee: 'wxp://f2f0abcdefghijk', web: 'https://shop.example/menu' }; // what is no code of a wallet
const ANOTHER = { code: 'wechat', pays: 'at_once' }; // whoever comes after those of the drill
const GOES_ON = ['SENT', 'SHOWN', 'REVERSING', 'CLOSING', 'PAID'];

let drills = [];
let world = null; // { drill, scene, began, did: [[what, seconds]], turn, known: Map of number to state or sum, dark, over, met, mistake }

/** The page begins to practise: who works here is taken along, nothing else. */
export async function begin() {
  await later();
  const people = await store.get('state', 'people');
  store.apart('yuanlu-practice');
  await store.put('state', 'people', people ?? []);
  drills = await (await fetch('/till/drills.json')).json();
  api.instead(way);
  app.frame = frame;
  const leave = () => () => { location.assign('/till'); return h('main', {}); };
  stage({ practice: () => list, practised: () => after, preparing: () => preparing, signin: leave, enrol: leave });
  await go('practice');
}

const next = () => world.drill.shows[world.turn] ?? ANOTHER;

/** Something was done: the drill may be over by it. */
function did(what) {
  if (!world || world.over) return;
  world.did.push([what, Math.round((Date.now() - world.began) / 1000)]);
  const isWrong = world.drill.never.some((each) => what === each || what.startsWith(`${each} `));
  let at = 0;
  for (const [each] of world.did) if (each === world.drill.wanted[at]) at += 1;
  world.met = at;
  if (isWrong) world.mistake = what;
  if (isWrong || at === world.drill.wanted.length) {
    world.over = Date.now();
    const ended = world;
    setTimeout(() => world === ended && go('practised'), END_MS);
  }
}

// --- the calls: where they go, and what is seen of them ---

const isDark = () => world?.dark > Date.now();

/** What was practised is told for real, and so is which drill is begun; all else goes to the practice ground. */
const way = (target) => (/^\/(v1\/(drills|practice)|healthz)/.test(target) && !isDark() ? null : carry);

async function carry(target, options) {
  const of = world;
  if (!of?.scene || target.endsWith('/beat')) throw new DOMException('nothing to practise', 'TimeoutError');
  if (isDark()) throw new TypeError('no network, says the drill');
  if (target.endsWith('/people')) return new Response('{"items":[]}'); // nobody else works in the practice shop
  const headers = { ...options.headers, authorization: `Bearer ${of.scene.key}` };
  const answer = await fetch(`/practice${target}`, { ...options, headers });
  if (answer.status === 401) throw new DOMException('another ground', 'TimeoutError'); // no word about who is signed in
  const told = answer.ok ? await answer.clone().json().catch(() => ({})) : null;
  if (told && world === of) seen(`${options.method} ${target}`, told, options.body && JSON.parse(options.body));
  if (isDark()) throw new TypeError('the answer is lost, says the drill');
  return answer;
}

/** What a call and its answer say of what was done. */
function seen(asked, told, wish) {
  const { known } = world;
  if (asked === 'POST /v1/payments' && !known.has(told.id)) {
    did([...known.values()].some((state) => GOES_ON.includes(state)) ? 'charged twice' : `charged ${told.amount_fen}`);
    if (next().pays === 'answer_lost') world.dark = Date.now() + LOST_MS;
    world.turn += 1;
    known.set(told.id, '');
  }
  if (asked.endsWith('/cancel')) did('cancelled');
  if (known.has(told.id) && known.get(told.id) !== told.state && !isDark()) {
    known.set(told.id, told.state);
    if (told.state === 'PAID') did(`paid ${told.amount_fen}`);
    if (['REVERSED', 'CLOSED'].includes(told.state)) did('reversed');
  }
  const back = told.amount_fen || told.asked_fen || '';
  if (/ \/v1\/cases(\/\w+)?$/.test(asked) && known.get(told.id) !== back) { // how much goes back may be clear a moment later
    known.set(told.id, back);
    did(`case ${told.what} ${back}`.trim());
  }
  if (asked === 'POST /v1/guards/asked' && wish.reply) did(`guard ${wish.reply}`);
}

// --- the frame around each screen, the scene, the list, and what comes after ---

const word = (texts) => texts[lang];

function frame(name, params) {
  const isDrill = world?.scene && !['practice', 'practised', 'preparing'].includes(name);
  if (isDrill) {
    if (name === 'wrong') did(`named ${params.says}`);
    did(`screen ${name}`);
  }
  const leave = isDrill ? button(say('tills.practice.stop'), () => { world.over ||= Date.now(); go('practised'); }, { kind: 'bare' })
    : button(say('tills.practice.leave'), () => location.assign('/till'), { kind: 'bare' });
  return [
    h('div', { class: 'banner train', role: 'status' }, icon('school'), h('span', {}, say('train.on')), leave),
    isDrill && h('aside', { class: 'scene', 'aria-label': say('till.practice') }, h('p', {}, word(world.drill.scene)), customer()),
  ].filter(Boolean);
}

/** What the customer does: holding a code out is one tap, as a scan would be. */
function customer() {
  if (!world.drill.shows.length) return null;
  return button(say('tills.practice.scan'), () => {
    const { code } = next();
    const { scan } = app;
    if (!scan) return;
    const shown = OTHERS[code] ?? world.scene.codes[Math.min(world.turn, world.scene.codes.length - 1)];
    if (code in OTHERS) world.turn += 1;
    scan(shown);
  }, { sign: 'scan', kind: 'train' });
}

/** Set the scene, and begin when the pad stands. */
async function play(drill) {
  charge.forget();
  const mine = { drill, scene: null, began: 0, did: [], turn: 0, known: new Map(), dark: 0, over: 0, met: 0, mistake: '' };
  world = mine;
  await go('preparing', { drill });
  const scene = await set(drill, () => world === mine);
  if (world !== mine) return;
  if (!scene.key) { await go('preparing', { drill, no: scene }); return; }
  mine.scene = scene;
  app.device = { ...app.device, till: { ...app.device.till, id: scene.till } };
  for (const each of await store.all('charges')) await store.drop('charges', each.id);
  for (const each of await store.all('outbox')) if (each.kind !== 'drill') await outbox.drop(each);
  const sold = await api.read(`/v1/payments?till=${scene.till}&limit=3`).catch(() => ({ items: [] }));
  for (const told of sold.items) await store.put('charges', told.id, { id: told.id, fen: told.amount_fen, state: told.state, sent_at: Date.parse(told.opened_at), doubt: false, told, by: app.who.account, shows: false });
  basket.set([]);
  for (const each of drill.goods ?? []) basket.add(await basket.find(each.barcode));
  if (drill.typed) app.text = drill.typed;
  mine.began = Date.now();
  await go('pad');
}

/** The scene of a drill; or why there is none, as the code of what is said. */
async function set(drill, isWanted) {
  const until = Date.now() + STARTS_MS;
  while (isWanted()) {
    try {
      return await api.post('/v1/practice', { drill: drill.id }, { within: 30_000 });
    } catch (trouble) {
      if (trouble.message === 'practice.starting' && Date.now() < until) continue;
      return trouble.message === 'practice.off' ? 'tills.practice.off' : api.net.online ? 'tills.practice.away' : 'tills.practice.no_net';
    }
  }
  return {};
}

function preparing({ drill, no }) {
  return h('main', {}, h('div', { class: `result ${no ? 'warn' : 'wait'}`, role: 'alertdialog', 'aria-labelledby': 'preparing' },
    icon(no ? 'alert-triangle' : 'refresh', 'big'), h('h1', { id: 'preparing', tabindex: '-1', 'data-first': true }, say(no ?? 'tills.practice.preparing')),
    h('p', { class: 'detail' }, word(drill.title)),
    h('div', { class: 'acts' },
      no && button(say('tills.practice.again'), () => play(drill), { kind: 'wide', sign: 'refresh' }),
      button(say('tills.practice.list'), () => { world = null; go('practice'); }, { kind: 'bare wide' }))));
}

/** What was done right, as the server has it and this till had not yet told; without a network, as last heard. */
async function record() {
  const key = `drills ${app.who.account}`;
  const told = await api.read('/v1/drills', { within: 4000 }).catch(() => null) ?? (await store.get('state', key)) ?? { items: [], called_for: [] };
  await store.put('state', key, told);
  const done = Object.fromEntries(told.items.map((each) => [each.drill, each.best]));
  for (const { wish } of (await store.all('outbox')).filter((each) => each.path === '/v1/drills')) done[wish.drill] = wish.outcome === 'right' ? Math.min(done[wish.drill] ?? Infinity, wish.seconds) : done[wish.drill] ?? null;
  return { done, called: told.called_for };
}

async function list() {
  const { done, called } = await record();
  const line = (drill) => {
    const best = done[drill.id];
    const state = called.includes(drill.id) ? 'tills.practice.called' : best === undefined ? 'tills.practice.new' : best === null ? 'tills.practice.tried' : 'tills.practice.best';
    return h('li', {}, h('button', { type: 'button', class: 'tile btn', onclick: () => play(drill) },
      called.includes(drill.id) ? icon('alert-triangle') : best ? icon('circle-check') : icon('school'),
      h('span', {}, word(drill.title), h('small', {}, say(state, { n: best })))));
  };
  const count = drills.filter((each) => done[each.id]).length;
  const first = (drill) => { const at = called.indexOf(drill.id); return at < 0 ? called.length : at; };
  return [
    h('header', { class: 'bar' }, h('h1', { tabindex: '-1', 'data-first': true }, say('till.practice')), h('span', { class: 'where' }, app.who.name)),
    h('main', {}, h('div', { class: 'scroll narrow' },
      h('p', {}, h('strong', {}, say('tills.practice.count', { n: count, all: drills.length })), h('br'), say('tills.practice.apart')),
      h('ul', { class: 'tiles drills' }, [...drills].sort((one_, other) => first(one_) - first(other)).map(line)))),
  ];
}

async function after() {
  if (!world) return list();
  const { drill, began, over, met, mistake } = world;
  const seconds = Math.round((over - began) / 1000);
  const isRight = !mistake && met === drill.wanted.length;
  const verdict = mistake ? 'tills.practice.mistake' : !isRight ? 'tills.practice.stopped' : seconds > drill.seconds ? 'tills.practice.slow' : 'tills.practice.good';
  const ok = isRight && seconds <= drill.seconds;
  const id = newId('ZD', api.now());
  const outcome = mistake ? 'mistake' : !isRight ? 'stopped' : ok ? 'right' : 'slow';
  await outbox.keep('drill', '/v1/drills', { id, drill: drill.id, outcome, seconds: Math.min(seconds, 3600), mistake });
  world = null;
  charge.forget();
  app.text = '';
  const place = drills.indexOf(drill);
  return [
    h('main', {}, h('div', { class: `result ${ok ? 'ok' : mistake ? 'bad' : 'warn'}`, role: 'alertdialog', 'aria-labelledby': 'verdict' },
      icon(ok ? 'circle-check' : mistake ? 'circle-x' : 'clock', 'big'),
      h('h1', { id: 'verdict', tabindex: '-1', 'data-first': true }, say(verdict)),
      h('p', { class: 'detail' }, `${word(drill.title)} · ${say('tills.practice.took', { n: seconds, max: drill.seconds })}`),
      h('div', { class: 'card right' }, h('strong', {}, say('tills.practice.right')), h('p', {}, broken(word(drill.right)))),
      h('div', { class: 'acts' },
        button(say('tills.practice.again'), () => play(drill), { kind: 'wide', sign: 'refresh' }),
        drills[place + 1] && button(say('tills.practice.next'), () => play(drills[place + 1]), { kind: 'main wide' }),
        button(say('tills.practice.list'), () => go('practice'), { kind: 'bare wide' })))),
  ];
}
