// What all screens share: who we are, where we go, and the frame around each screen.

import * as store from './store.js';
import { say, speak, lang } from './words.js';
import { bare, h, heading, icon } from './dom.js';
import { net, onNet } from './api.js';
import { settings as tones } from './tones.js';

export const app = {
  device: null, // { token, keyId, key, till: { id, name, store, store_name } }
  who: null, // { account, name, role, token, ends_at }
  codes: null,
  text: '', // what is keyed on the pad
  gun: null,
  scan: null, // what the present screen does with a scan
  type: null, // and with a key of a keyboard
  screen: '',
  frame: null, // what stands around each screen besides: practice
  held: null, // locked from afar: { why, at }
  dress: null, // puts what must be read on every screen
  settings: { lang: 'zh', theme: '', sound: true, shake: true },
};

/** The tables of codes, as soon as they are here. */
export const codeTables = async () => (app.codes ??= await (await fetch('/till/codes.json')).json());

const root = () => document.getElementById('till');
const screens = new Map();
const leaves = [];
let shown = [];

/** Screens by name: a function that gives its elements, or loads the module that has it. */
export function stage(table) {
  for (const [name, load] of Object.entries(table)) screens.set(name, load);
}

const CHARGES = ['pad', 'code', 'show'];

/** Show a screen. A locked till shows none that takes money. It may say what to do when it is left (`onLeave`), with scans (`app.scan`) and keys (`app.type`). */
export async function go(name, params = {}) {
  if (app.held && CHARGES.includes(name)) [name, params] = ['held', {}];
  const make = await screens.get(name)();
  for (const leave of leaves.splice(0)) leave();
  app.scan = app.type = null;
  app.screen = name;
  shown = [name, params];
  const made = await make(params);
  if (shown[0] !== name || shown[1] !== params) return;
  root().replaceChildren(...[app.frame?.(name, params) ?? [], made].flat(2));
  root().dataset.screen = name;
  app.dress?.(root());
  scrollTo(0, 0);
  root().querySelector('[data-first]')?.focus();
}

export const again = () => go(...shown);
export const onLeave = (what) => { leaves.push(what); };

/** Where this screen hears keys of a keyboard. What `press` gives back takes the key back (gun.js). */
export const typing = (press) => (letter) => {
  if (letter === 'Backspace') return press('back');
  return /^[\d.]$/.test(letter) ? press(letter) : null;
};

/** From a result a digit begins the next amount. What it gives back takes that back. */
export function begin(key) {
  if (!/^[\d.]$/.test(key)) return null;
  app.text = key === '.' ? '0.' : key;
  go('pad');
  return () => { app.text = ''; go('pad'); };
}

/** The bar of a screen that one goes back from. */
export const backBar = (title, to = () => go('pad')) => h(
  'header', { class: 'bar' }, bare('chevron-left', say('till.back'), to), heading(title),
);

export function netChip() {
  const chip = h('span', { class: 'chip', role: 'status' });
  const tell = () => {
    chip.className = `chip ${net.online ? 'ok' : 'warn'}`;
    chip.replaceChildren(icon(net.online ? 'wifi' : 'wifi-off'), say(net.online ? 'till.online' : 'till.offline'));
  };
  tell();
  onLeave(onNet(tell));
  return chip;
}

export async function set(changes) {
  Object.assign(app.settings, changes);
  await store.put('state', 'settings', app.settings);
  apply();
}

export function apply() {
  const { theme, sound, shake } = app.settings;
  const dark = theme ? theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  document.querySelector('meta[name=theme-color]').content = dark ? '#18212b' : '#1b4f8a';
  Object.assign(tones, { sound, shake });
  if (lang !== app.settings.lang) speak(app.settings.lang);
  document.title = `${say('till.title')} · yuanlu`;
}

/** Roles that may decide about money back. */
export const DECIDES = ['owner', 'finance', 'manager'];
