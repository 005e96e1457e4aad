// How this device is: what its page can see of camera, network, clock, storage and battery. Nothing here asks anybody.

import * as api from './api.js';
import * as store from './store.js';

const within = (ms, what, otherwise) => Promise.race([what, new Promise((done) => setTimeout(() => done(otherwise), ms))]);

/** The release that answers for this page, as its service worker says; empty where none does. */
export function release() {
  const worker = navigator.serviceWorker?.controller;
  if (!worker) return Promise.resolve('');
  const { port1, port2 } = new MessageChannel();
  const told = new Promise((done) => { port1.onmessage = (event) => { done(event.data); port1.close(); }; });
  worker.postMessage('version', [port2]);
  return within(1000, told, '');
}

async function camera() {
  const found = await navigator.mediaDevices?.enumerateDevices().catch(() => []) ?? [];
  return found.some((each) => each.kind === 'videoinput') ? 'ok' : 'none';
}

/** Written and read again: a full or forbidden disk shows here. */
async function storage() {
  try {
    const probe = crypto.randomUUID();
    await store.put('state', 'probe', probe);
    return await store.get('state', 'probe') === probe ? 'ok' : 'off';
  } catch {
    return 'off';
  }
}

/** The health as `POST /v1/tills/{till}/beat` takes it. */
export async function gather() {
  const [battery, room, waiting] = await Promise.all([
    within(1000, navigator.getBattery?.().catch(() => null) ?? null, null),
    navigator.storage?.estimate().catch(() => ({})) ?? {},
    store.all('outbox').then((all) => all.length, () => 0),
  ]);
  const free = room.quota ? Math.max(0, Math.round((room.quota - room.usage) / 1e6)) : null;
  return {
    camera: await camera(),
    printer: (await store.get('state', 'printer').catch(() => null))?.standing ?? 'unknown',
    network: api.net.online ? 'ok' : 'off',
    storage: await storage(),
    behind_ms: Math.round(api.now() - Date.now()),
    battery: battery ? Math.round(battery.level * 100) : null,
    charging: battery ? battery.charging : null,
    free_mb: free,
    waiting,
    screen: `${screen.width}x${screen.height}`,
  };
}
