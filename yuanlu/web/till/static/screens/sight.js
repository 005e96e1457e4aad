// Charging by camera: what is in the frame is named at once; a payment code is charged, all else leaves the camera open.

import * as api from '../api.js';
import * as camera from '../camera.js';
import { app, backBar, codeTables, go, onLeave, set } from '../app.js';
import { broken, button, h, heading, icon } from '../dom.js';
import { fenOf, shown } from '../money.js';
import { recognise } from '../classify.js';
import { later, lines, say, today } from '../words.js';
import { play } from '../tones.js';
import { scanned } from './pad.js';

const NAMED_MS = 4000; // so long the name of a wrong code stays after it was last seen
const AGREE = 2; // looks in a row that must see the same wrong code before it is named: one may be half a code
const TROUBLES = {
  refused: 'tills.eye.refused', none: 'tills.eye.none', busy: 'tills.eye.busy', insecure: 'tills.eye.insecure', reader: 'tills.eye.reader',
};

/**
 * What the texts in sight come to: { text } to go on with, { says, wallet, key } to name, or null. A payment code comes before
 * all else in sight; two of them belong to two people, and neither is charged.
 */
export function chosen(texts, tables, day) {
  const seen = texts.map((text) => ({ text, ...recognise(text, tables, { today: day }) }));
  const payable = seen.filter((each) => each.ok || each.question);
  if (new Set(payable.map((each) => each.code || each.text)).size > 1) return { says: 'tills.eye.two', wallet: null, key: 'two' };
  const goesOn = payable[0] ?? seen.find((each) => each.kind === 'our_number' && each.code);
  if (goesOn) return { text: goesOn.text };
  const [wrong] = seen;
  return wrong ? { says: wrong.says, wallet: wrong.wallet, key: wrong.text } : null;
}

export async function sight() {
  await later();
  const tables = await codeTables();
  const fen = fenOf(app.text);
  const video = h('video', { playsinline: true, muted: true, 'aria-label': say('tills.eye.view') });
  video.muted = true;
  const named = h('div', { class: 'named', role: 'alert' });
  const extra = h('div', { class: 'ways' });
  const aim = h('p', { class: 'aim' }, say('tills.eye.starting'));
  const seen_ = h('div', { class: 'sight' }, video, h('div', { class: 'frame', 'aria-hidden': 'true' }));
  const place = h('main', { class: 'eye' });
  const keyIt = () => button(say('tills.eye.key'), () => go('code'), { sign: 'keyboard' });
  let opened = null;
  let isLeft = false;
  let before = { key: '', times: 0 };
  let shownKey = '';
  let fades = 0;

  const name = (what) => {
    clearTimeout(fades);
    fades = setTimeout(() => { shownKey = ''; named.replaceChildren(); seen_.classList.remove('bad'); }, NAMED_MS);
    if (what.key === shownKey) return;
    shownKey = what.key;
    play('wrong');
    const others = ['wechat', 'alipay'].filter((each) => each !== what.wallet).map((each) => say(`channel.${each}`)).join(say('words.or'));
    const [title, text] = lines(say(what.says, { channel: say(`channel.${what.wallet ?? 'card'}`), others }));
    named.replaceChildren(icon('alert-triangle'), h('div', {}, h('strong', {}, title), text && h('p', {}, broken(text))));
    seen_.classList.add('bad');
  };
  const saw = (texts) => {
    if (!texts.length) return;
    const what = chosen(texts, tables, today(new Date(api.now())));
    if (what.text) {
      leave();
      scanned(what.text);
      return;
    }
    before = what.key === before.key ? { key: what.key, times: before.times + 1 } : { key: what.key, times: 1 };
    if (before.times >= AGREE) name(what);
  };
  const trouble = (what) => {
    if (isLeft) return;
    play('wrong');
    const [title, text] = lines(say(TROUBLES[what]));
    place.className = '';
    place.replaceChildren(h('div', { class: 'result warn', role: 'alertdialog', 'aria-labelledby': 'trouble' },
      icon('camera-off', 'big'), heading(title, { id: 'trouble' }), h('p', {}, broken(text)),
      h('div', { class: 'acts' },
        button(say('tills.eye.key'), () => go('code'), { kind: 'wide', sign: 'keyboard' }),
        what === 'insecure' ? null : button(say('tills.eye.again'), () => go('camera'), { kind: 'wide', sign: 'refresh' }),
        button(say('till.show_qr'), () => go('show'), { kind: 'bare wide', sign: 'qrcode' }))));
    place.querySelector('h1').focus();
  };
  const tools = () => {
    const lamp = opened.torch && button(say('tills.eye.torch'), async (event) => {
      const at = event.currentTarget;
      at.setAttribute('aria-pressed', String(await opened.torch()));
    }, { sign: 'bulb', 'aria-pressed': 'false' });
    const turn = opened.next && button(say('tills.eye.turn'), async () => { await set({ camera: opened.next }); go('camera'); }, { sign: 'camera-rotate' });
    extra.replaceChildren(...[lamp, turn, keyIt()].filter(Boolean));
    video.classList.toggle('mirrored', opened.isFront);
    aim.textContent = say('tills.eye.aim');
  };
  function leave() {
    isLeft = true;
    clearTimeout(fades);
    opened?.close();
  }

  app.scan = (text) => { leave(); scanned(text); };
  onLeave(leave);
  extra.replaceChildren(keyIt());
  place.replaceChildren(
    h('p', { class: 'sum' }, shown(fen)), seen_, h('div', { class: 'below' }, named, aim), extra,
  );
  camera.open(video, { wish: app.settings.camera, saw, trouble }).then((made) => {
    opened = made;
    if (isLeft) made.close();
    else if ('torch' in made) tools();
  });
  return [backBar(say('till.scan_to_charge')), place];
}
