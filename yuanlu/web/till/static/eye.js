// Reads the codes in a picture of the camera. A worker: a look never holds up a key. By the browser's own
// BarcodeDetector where it knows what we need, else by zxing-wasm, which is fetched when the first camera opens.
// Only this script may compile WebAssembly: its answer has a content security policy of its own (pages.py).
// Gets { picture, turned }, tells { ms, found: [text] }; before all { reader } or { trouble }.
// `turned`: null for a quick look along the lines; degrees for one that turns the picture first and tries harder.

// How a scanner gun would say the kind of code (AIM identifiers, ISO/IEC 15424): classify.js goes by that.
const AIM = { code_128: ']C0', qr_code: ']Q1', ean_13: ']E0', ean_8: ']E4', upc_a: ']E0', upc_e: ']E0' };
const NEEDED = ['code_128', 'qr_code', 'ean_13'];
const KINDS = ['Code128', 'QRCode', 'EAN13', 'EAN8', 'UPCA', 'UPCE'];

async function ofTheBrowser() {
  if (!('BarcodeDetector' in self)) return null;
  const known = await BarcodeDetector.getSupportedFormats().catch(() => []);
  if (!NEEDED.every((each) => known.includes(each))) return null;
  const detector = new BarcodeDetector({ formats: known.filter((each) => AIM[each]) });
  return async (picture) => (await detector.detect(picture)).map(({ rawValue, format }) => AIM[format] + rawValue);
}

async function ofZxing() {
  importScripts('/static/zxing/reader.js');
  await ZXingWASM.prepareZXingModule({ overrides: { locateFile: () => '/static/zxing/zxing_reader.wasm' }, fireImmediately: true });
  const canvas = new OffscreenCanvas(1, 1);
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  return async (picture, turned) => {
    const { width, height } = picture;
    const harder = turned !== null;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    pen.resetTransform();
    pen.clearRect(0, 0, width, height);
    pen.translate(width / 2, height / 2);
    pen.rotate((turned ?? 0) * Math.PI / 180);
    pen.drawImage(picture, -width / 2, -height / 2);
    const how = { formats: KINDS, tryHarder: harder, tryRotate: harder, tryInvert: false, tryDownscale: harder, maxNumberOfSymbols: 4 };
    const read = await ZXingWASM.readBarcodes(pen.getImageData(0, 0, width, height), how);
    return read.filter((each) => each.isValid).map((each) => each.symbologyIdentifier + each.text);
  };
}

const ready = (async () => {
  const own = await ofTheBrowser();
  const look = own ?? await ofZxing();
  postMessage({ reader: own ? 'browser' : 'zxing' });
  return look;
})();
ready.catch((trouble) => postMessage({ trouble: String(trouble) }));

onmessage = async ({ data: { picture, turned } }) => {
  const look = await ready;
  const began = performance.now();
  const found = await look(picture, turned).catch(() => []);
  picture.close();
  postMessage({ ms: performance.now() - began, found });
};
