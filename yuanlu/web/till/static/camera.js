// The camera: opened, looked through, lit, kept awake, and let go of. It knows nothing of payments: whoever opens it is
// told which texts are in sight.

const GAP_MS = 66; // between two looks; a slow device rests as long as it looked
export const LONG_PX = 960; // a look's longer side: 18 digits of Code 128 across a third of it have 2 pixels a bar
// How the looks follow each other: quick ones along the lines, and between them one that tries harder on the picture turned
// so many degrees. Bars are read up to some 15 degrees aslant, and each harder look reads crosswise too: together all ways.
export const TURNS = [null, 0, null, 30, null, -30];
const LOADS_WITHIN_MS = 20_000;

/** What kept a camera from opening, by the name of its error. */
const TROUBLES = { NotAllowedError: 'refused', SecurityError: 'refused', NotFoundError: 'none', OverconstrainedError: 'none' };

/** The part of a picture that is seen where it covers a box, from its middle: what is out of sight is not read. */
export function inSight(width, height, boxWidth, boxHeight) {
  const scale = Math.max(boxWidth / width, boxHeight / height);
  const [w, h] = [Math.min(width, Math.round(boxWidth / scale)), Math.min(height, Math.round(boxHeight / scale))];
  return [Math.round((width - w) / 2), Math.round((height - h) / 2), w, h];
}

/** The torch of a camera: null where it has none, else a function that turns it on or off and says how it is now. */
export function torchOf(track) {
  if (!track.getCapabilities?.().torch) return null;
  let isOn = false;
  return async () => {
    await track.applyConstraints({ advanced: [{ torch: !isOn }] }).then(() => { isOn = !isOn; }, () => {});
    return isOn;
  };
}

async function streamOf(wish) {
  if (!navigator.mediaDevices?.getUserMedia) throw new Error('insecure');
  const size = { width: { ideal: 1280 }, height: { ideal: 720 } };
  const which = wish ? { deviceId: { exact: wish } } : { facingMode: { ideal: 'environment' } };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: false, video: { ...size, ...which } });
  } catch (trouble) {
    if (wish && trouble.name !== 'NotAllowedError') return streamOf(null); // the camera that was picked is gone
    throw new Error(TROUBLES[trouble.name] ?? 'busy');
  }
}

/**
 * Look through a camera into a `<video>`. `saw(texts)` is told after each look, also of nothing; `trouble(what)` once, with one
 * of refused, none, busy, insecure, reader. Gives { close, torch, others, label, front }; closing twice does no harm.
 */
export async function open(video, { wish, saw, trouble }) {
  let isOpen = true;
  let lock = null;
  let stream = null;
  const eye = new Worker('/till/static/eye.js');
  const close = () => {
    isOpen = false;
    eye.terminate();
    stream?.getTracks().forEach((each) => each.stop());
    video.srcObject = null;
    lock?.release().catch(() => {});
    document.removeEventListener('visibilitychange', wake);
  };
  const fail = (what) => { if (isOpen) { close(); trouble(what); } };
  async function wake() {
    if (document.hidden || !isOpen) return;
    lock = await navigator.wakeLock?.request('screen').catch(() => null) ?? null;
    if (!isOpen) lock?.release().catch(() => {});
  }

  const late = setTimeout(() => fail('reader'), LOADS_WITHIN_MS);
  eye.onerror = () => fail('reader');
  const reader = new Promise((done) => {
    eye.onmessage = ({ data }) => {
      if (data.reader) { clearTimeout(late); done(data.reader); }
      if (data.trouble) { clearTimeout(late); fail('reader'); }
    };
  });
  try {
    stream = await streamOf(wish);
  } catch ({ message }) {
    clearTimeout(late);
    fail(message);
    return { close };
  }
  if (!isOpen) { close(); return { close }; }
  const [track] = stream.getVideoTracks();
  track.onended = () => fail('busy');
  video.srcObject = stream;
  await video.play().catch(() => {});
  wake();
  document.addEventListener('visibilitychange', wake);
  const { facingMode, deviceId } = track.getSettings();
  const cameras = (await navigator.mediaDevices.enumerateDevices()).filter((each) => each.kind === 'videoinput' && each.deviceId);
  const at = cameras.findIndex((each) => each.deviceId === deviceId);

  let number = 0;
  const look = async () => {
    if (!isOpen) return;
    if (document.hidden || !video.videoWidth) { setTimeout(look, 250); return; }
    const [x, y, w, h] = inSight(video.videoWidth, video.videoHeight, video.clientWidth, video.clientHeight);
    const scale = Math.min(1, LONG_PX / Math.max(w, h));
    const picture = await createImageBitmap(video, x, y, w, h, {
      resizeWidth: Math.round(w * scale), resizeHeight: Math.round(h * scale), resizeQuality: 'low',
    }).catch(() => null);
    if (!picture) { setTimeout(look, 250); return; }
    if (!isOpen) { picture.close(); return; }
    eye.postMessage({ picture, turned: TURNS[number % TURNS.length] }, [picture]);
    number += 1;
  };
  reader.then(() => {
    eye.onmessage = ({ data: { ms, found } }) => {
      if (!isOpen) return;
      saw(found, ms);
      setTimeout(look, Math.max(GAP_MS, ms));
    };
    look();
  });
  return {
    close,
    torch: torchOf(track),
    next: cameras.length > 1 ? cameras[(at + 1) % cameras.length].deviceId : null,
    isFront: facingMode === 'user',
  };
}
