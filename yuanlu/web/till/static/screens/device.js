// The device: what works and what does not, in words; and what a till shows that was locked from afar.

import * as api from '../api.js';
import * as store from '../store.js';
import { app, backBar, go } from '../app.js';
import { beat } from '../beat.js';
import { broken, button, h, heading, icon } from '../dom.js';
import { gather, release } from '../health.js';
import { ticketButton, ticketsTold } from '../ticket.js';
import { later, lines, lang, say, when } from '../words.js';

const SIGNS = { ok: ['ok', 'circle-check'], off: ['bad', 'circle-x'], none: ['', 'info-circle'], unknown: ['', 'info-circle'], low: ['warn', 'alert-triangle'] };
const CLOCK_MS = 2000;
const LOW = { battery: 20, free_mb: 50 };

/** Ask this till's printers of the network how they are. */
async function printer() {
  try {
    const told = await api.read('/v1/printers?limit=100', { within: 6000 });
    const { id, store: place } = app.device.till;
    const mine = told.items.filter((each) => !each.closed_at && (each.till === id || (!each.till && each.store === place)));
    if (!mine.length) return ['none', say('tills.no_printer')];
    const asked = mine.find((each) => each.via === 'network');
    if (!asked) return ['unknown', say('tills.own_printer')];
    const { trouble } = await api.post(`/v1/printers/${asked.id}/ask`, {}, { within: 8000 });
    await store.put('state', 'printer', { standing: trouble ? 'off' : 'ok', at: api.now() });
    return [trouble ? 'off' : 'ok', trouble ? say(`tills.trouble.${trouble}`) : asked.name || say('tills.printer')];
  } catch (failed) {
    if (failed instanceof api.Problem) return ['off', lines(failed.told[`title_${lang}`] ?? failed.code)[0]];
    return ['unknown', say('tills.away')];
  }
}

async function network() {
  const began = performance.now();
  try {
    await api.read('/healthz', { as: '', within: 5000 });
    return ['ok', say('tills.took', { ms: Math.round(performance.now() - began) })];
  } catch (failed) {
    if (!(failed instanceof api.Away)) throw failed;
    return ['off', say('till.offline')];
  }
}

/** Each thing looked at: its name and how it is. */
async function looked() {
  const net = await network(); // first: with its answer the clock is known
  const [health, paper, version] = await Promise.all([gather(), printer(), release()]);
  const behind = Math.round(health.behind_ms / 1000);
  const waiting = (await navigator.serviceWorker?.getRegistration('/till'))?.waiting;
  return [
    ['camera', health.camera, say(`tills.camera.${health.camera}`)],
    ['printer', ...paper],
    ['network', ...net],
    ['clock', Math.abs(health.behind_ms) <= CLOCK_MS ? 'ok' : 'low', Math.abs(health.behind_ms) > CLOCK_MS ? say('tills.clock_off', { n: Math.abs(behind) }) : say('tills.clock_right')],
    ['storage', health.storage === 'ok' && health.free_mb !== null && health.free_mb < LOW.free_mb ? 'low' : health.storage, health.free_mb === null ? '' : say('tills.free', { n: health.free_mb })],
    ['battery', health.battery === null ? 'unknown' : health.battery < LOW.battery && !health.charging ? 'low' : 'ok', health.battery === null ? say('tills.battery_none') : say(health.charging ? 'tills.charging' : 'tills.battery_at', { n: health.battery })],
    ['outbox', health.waiting ? 'low' : 'ok', say('tills.waiting', { n: health.waiting })],
    ['release', version ? 'ok' : 'unknown', version ? `${version}${waiting ? ` · ${say('tills.newer')}` : ''}` : say('tills.release_none')],
  ];
}

export async function device() {
  await later();
  const list = h('ul', { class: 'checks' }, h('li', {}, say('tills.looking')));
  const look = async () => {
    const found = await looked();
    list.replaceChildren(...found.map(([name, standing, detail]) => {
      const [kind, sign] = SIGNS[standing];
      return h('li', { class: 'pair' }, h('span', {}, h('strong', {}, say(`tills.check.${name}`)), h('br'), h('span', { class: 'meta' }, detail)),
        h('span', { class: `chip ${kind}` }, icon(sign), say(`tills.standing.${standing}`)));
    }));
    beat();
  };
  look();
  return [
    backBar(say('till.device'), () => go('more')),
    h('main', {},
      h('div', { class: 'scroll narrow', tabindex: '0' },
        h('p', { class: 'meta' }, `${app.device.till.store_name} · ${app.device.till.name}`), list,
        ticketButton({ cause: 'device', code: 'self-check' }), ticketsTold(`till=${app.device.till.id}&cause=device`)),
      h('div', { class: 'foot' }, h('div', { class: 'narrow' }, button(say('tills.look_again'), look, { kind: 'wide', sign: 'refresh' })))),
  ];
}

/** Locked: no money is taken here. Bills, slips and money back still work. */
export async function held() {
  await later();
  const [title, text] = lines(say('tills.held'));
  return h('main', {}, h('div', { class: 'result warn', role: 'alertdialog', 'aria-labelledby': 'held' },
    icon('lock', 'big'), heading(title, { id: 'held' }), app.held.why && h('p', {}, h('strong', {}, app.held.why)), h('p', {}, broken(text)),
    h('p', { class: 'detail' }, say('tills.held_since', { at: when(app.held.at) })),
    h('div', { class: 'acts' },
      button(say('tills.held_ask'), beat, { kind: 'wide', sign: 'refresh' }),
      button(say('till.bills'), () => go('bills'), { kind: 'bare wide' }),
      button(say('till.more'), () => go('more'), { kind: 'bare wide' }))));
}
