// Our QR, for the customer to scan: on this screen, and on a second one that shows this same page.

import * as api from '../api.js';
import * as basket from '../basket.js';
import * as charge from '../charge.js';
import * as store from '../store.js';
import { app, backBar, go, onLeave } from '../app.js';
import { button, h, heading, icon } from '../dom.js';
import { fenOf, keyedOf, shown } from '../money.js';
import { say } from '../words.js';

const CHANNELS = ['wechat', 'alipay'];
const wire = () => new BroadcastChannel('yuanlu-till');

export async function show({ channel = app.settings.channel ?? 'wechat', resume = false }) {
  const other = wire();
  const place = h('div', { class: 'stack center', role: 'status' }, h('p', {}, say('till.asking')));
  const fen = resume ? charge.current.fen : fenOf(app.text);
  let drawn = false;

  const draw = async (now) => {
    if (now.id !== charge.current?.id) return;
    if (now.state === 'SHOWN' && now.told.qr && !drawn) {
      drawn = true;
      const svg = await api.read(`/v1/payments/${now.id}/qr`, { raw: true }).catch(() => '');
      if (!svg) { drawn = false; return; }
      place.replaceChildren(picture(svg), h('p', {}, say('till.qr_how', { channel: say(`channel.${now.told.channel}`) })));
      other.postMessage({ svg, fen, channel: now.told.channel });
    } else if (!['SENDING', 'SHOWN'].includes(now.state) || (now.doubt && !drawn)) {
      go('charge');
    }
  };
  const unwatch = charge.watch(draw);
  onLeave(() => {
    unwatch();
    other.postMessage(charge.current?.state === 'PAID' ? { paid: true, fen } : {});
    other.close();
  });
  if (!resume) {
    await charge.take({ fen, channel });
    basket.set([]);
  }
  draw(charge.current);

  const change = async (to) => {
    app.settings.channel = to;
    const { basket: sold } = charge.current;
    await charge.cancel();
    basket.set(sold ?? []);
    app.text = keyedOf(fen);
    go('show', { channel: to });
  };
  return [
    backBar(say('till.show_qr'), () => go('charge')),
    h('main', {}, h('div', { class: 'result' },
      h('p', { class: 'sum' }, shown(fen)), place,
      h('div', { class: 'tiles', role: 'group', 'aria-label': say('till.channel') }, CHANNELS.map((each) => button(say(`channel.${each}`), () => each !== channel && change(each), { 'aria-pressed': String(each === channel), kind: 'tile' }))),
      h('div', { class: 'acts' }, button(say('till.cancel'), () => charge.cancel().then(() => go('charge')), { kind: 'bare wide' })))),
  ];
}

const picture = (svg) => h('img', { class: 'qr', alt: say('till.show_qr'), src: URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml' })) });

/** The second screen: what the customer is asked to scan, and that it is paid. It asks the server for nothing. */
export function display() {
  const place = h('div', { class: 'result' });
  const shop = h('p', {});
  store.get('state', 'device').then((device) => { shop.textContent = device?.till.store_name ?? ''; });
  const idle = () => place.replaceChildren(heading(say('till.welcome')), shop);
  idle();
  const other = wire();
  other.onmessage = ({ data }) => {
    place.className = `result ${data.paid ? 'ok' : ''}`;
    if (data.paid) {
      place.replaceChildren(icon('circle-check', 'big'), heading(say('till.paid')), h('p', { class: 'sum' }, shown(data.fen)));
      setTimeout(() => { place.className = 'result'; idle(); }, 5000);
    } else if (data.svg) {
      place.replaceChildren(heading(say('till.qr_how', { channel: say(`channel.${data.channel}`) })), h('p', { class: 'sum' }, shown(data.fen)), picture(data.svg));
    } else idle();
  };
  return h('main', {}, place);
}
