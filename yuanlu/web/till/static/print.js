// A till's own printer, by WebUSB or Web Bluetooth: the server gives the bytes, we carry them over and say what became of
// them. Only the printer's own answer, or a person who looked, says that paper came out.

import * as api from './api.js';

const PRINTER_CLASS = 7;
const CHUNK = { usb: 4096, bluetooth: 100 };
const ANSWER_MS = 4000;
/** Serial services of common handheld printers, as their makers document them. */
const SERVICES = [0x18f0, 0xff00, 'e7810a71-73ae-499d-8c15-faa9aef0c3f2', '49535343-fe7d-4ae5-8fa9-9fafd205e455'];
const within = (ms, what) => Promise.race([what, new Promise((done) => setTimeout(done, ms))]);

export const has = () => ({ usb: 'usb' in navigator, bluetooth: 'bluetooth' in navigator });

async function* parts(bytes, size) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

/** A USB printer that was chosen before, or (with `ask`) is chosen now. Null: none. */
async function usb(ask) {
  const known = (await navigator.usb.getDevices())[0];
  const device = known ?? (ask ? await navigator.usb.requestDevice({ filters: [{ classCode: PRINTER_CLASS }] }).catch(() => null) : null);
  if (!device) return null;
  await device.open();
  if (!device.configuration) await device.selectConfiguration(1);
  const face = device.configuration.interfaces.find((each) => each.alternate.interfaceClass === PRINTER_CLASS) ?? device.configuration.interfaces[0];
  await device.claimInterface(face.interfaceNumber);
  const end = (direction) => face.alternate.endpoints.find((each) => each.direction === direction && each.type === 'bulk')?.endpointNumber;
  const [out, back] = [end('out'), end('in')];
  return {
    send: async (bytes) => { for await (const part of parts(bytes, CHUNK.usb)) await device.transferOut(out, part); },
    hear: async () => (back === undefined ? null : within(ANSWER_MS, device.transferIn(back, 64).then((told) => told.data?.byteLength > 0))),
    close: () => device.close(),
  };
}

let ble = null;
/** A Bluetooth printer: browsers forget it with the page, so it is chosen once a day. */
async function bluetooth(ask) {
  if (!ble?.gatt.connected) {
    if (!ask && !ble) return null;
    ble ??= await navigator.bluetooth.requestDevice({ acceptAllDevices: true, optionalServices: SERVICES }).catch(() => null);
    await ble?.gatt.connect();
  }
  if (!ble) return null;
  for (const service of await ble.gatt.getPrimaryServices()) {
    for (const each of await service.getCharacteristics()) {
      if (each.properties.writeWithoutResponse || each.properties.write) {
        return {
          send: async (bytes) => { for await (const part of parts(bytes, CHUNK.bluetooth)) await each.writeValue(part); },
          hear: async () => null,
          close: () => {},
        };
      }
    }
  }
  return null;
}

const ROADS = { usb, bluetooth };

async function heard(id, word, sends, trouble = '') {
  return api.post(`/v1/prints/${id}/heard`, { word, sends, trouble });
}

/** What a person saw of a slip that left for a printer that says nothing. */
export const looked = (id, sends, is) => heard(id, is ? 'DONE' : 'BROKEN', sends, is ? '' : 'paper');

/**
 * Carry a print to a printer at this device. Answers the print as it stands, and `ask`: where the printer says nothing, a
 * person must look and `ask(came)` says what they saw. Nothing is taken from the server before the printer is there.
 */
export async function carry(id, road, ask) {
  const printer = await ROADS[road](ask).catch(() => null);
  if (!printer) return { none: true };
  const { bytes, headers } = await api.post(`/v1/prints/${id}/take`, {}, { raw: 'bytes' });
  const sends = Number(headers.get('yuanlu-sends'));
  try {
    await printer.send(bytes);
    const came = await printer.hear();
    if (came) return { print: await heard(id, 'DONE', sends) };
    return { ask: (is) => looked(id, sends, is) };
  } catch {
    return { print: await heard(id, 'BROKEN', sends, 'broken') };
  } finally {
    printer.close();
  }
}
