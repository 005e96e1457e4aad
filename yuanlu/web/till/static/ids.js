// Our numbers, made here before anything is sent: kind, 48 bits of milliseconds, 80 bits of chance, a check character
// (ISO 7064 MOD 37,36). The same as yuanlu/ids.py.

const BASE32 = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const BASE36 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';

export function check(text) {
  let left = 36;
  for (const letter of text) left = (((left + BASE36.indexOf(letter)) % 36 || 36) * 2) % 37;
  return BASE36[(37 - left) % 36];
}

/** A new number of this kind ('YP' payment, 'YC' case) at this moment (milliseconds). */
export function newId(kind, at = Date.now()) {
  let number = (BigInt(at) << 80n) | crypto.getRandomValues(new Uint8Array(10)).reduce((all, byte) => (all << 8n) | BigInt(byte), 0n);
  let text = '';
  for (let place = 0; place < 26; place += 1, number >>= 5n) text = BASE32[Number(number & 31n)] + text;
  return kind + text + check(kind + text);
}

export const isId = (text) => /^[A-Z]{2}[0-7][0-9A-HJKMNP-TV-Z]{25}[0-9A-Z]$/.test(text) && check(text.slice(0, 28)) === text[28];
