// What a scanned text is, on the spot, before anything is sent. The rules are the server's own table
// (/till/codes.json is made of yuanlu/channels/data/codes.toml); here is only what a table cannot say: how to tidy
// what a scanner sends, and how check digits are reckoned. A test holds both sides against each other.

import { isId } from './ids.js';

const EDGE = /^[\s\x1c-\x1f\x85\x02\x03\u200b\ufeff]+|[\s\x1c-\x1f\x85\x02\x03\u200b\ufeff]+$/g;
const BLANK = /[\s\x1c-\x1f\x85]+/g;

const narrow = (text) => text.replace(/[\uff01-\uff5e]/g, (sign) => String.fromCharCode(sign.charCodeAt(0) - 0xfee0))
  .replaceAll('。', '.').replaceAll('、', '/').replace(/[\u200b\ufeff]/g, '');

function tidied(text, typed) {
  let read = text.replace(EDGE, '');
  const aim = /^\][A-Za-z][0-9A-Za-z]/.exec(narrow(read.slice(0, 3)));
  if (aim) read = read.slice(3).replace(EDGE, '');
  let tight = narrow(read).replace(BLANK, '');
  if (typed && /^[0-9A-Za-z-]+$/.test(tight)) tight = tight.replaceAll('-', '');
  return { read, tight, symbology: aim ? aim[0].slice(1) : '', typed };
}

const digits = (text) => Array.from(text, Number);

function isGtin(text) {
  const all = digits(text).reverse();
  return /^(\d{8}|\d{12}|\d{13}|\d{14})$/.test(text)
    && all.reduce((sum, digit, place) => sum + digit * (place % 2 ? 3 : 1), 0) % 10 === 0;
}

function isLuhn(text) {
  return digits(text).reverse().reduce((sum, digit, place) => {
    const twice = digit * 2;
    return sum + (place % 2 ? (twice > 9 ? twice - 9 : twice) : digit);
  }, 0) % 10 === 0;
}

function isIdCard(text, born) {
  const [year, month, day] = [text.slice(6, 10), text.slice(10, 12), text.slice(12, 14)];
  const iso = `${year}-${month}-${day}`;
  const at = new Date(`${iso}T00:00:00Z`);
  if (Number.isNaN(at.getTime()) || at.toISOString().slice(0, 10) !== iso || iso < born[0] || iso > born[1]) return false;
  const sum = digits(text.slice(0, 17)).reduce((left, digit) => ((left + digit) * 2) % 11, 0);
  return '0123456789X'[(12 - sum) % 11] === text[17].toUpperCase(); // ISO 7064 MOD 11-2
}

function hasCrc(text) {
  let crc = 0xffff;
  for (const byte of new TextEncoder().encode(text.slice(0, -4))) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc === Number.parseInt(text.slice(-4), 16);
}

const ourNumber = (text) => {
  const big = text.toUpperCase();
  return big.slice(0, 2) + big.slice(2, -1).replaceAll('O', '0').replace(/[IL]/g, '1') + big.slice(-1);
};

const CHECKS = {
  ours: (_, seen) => isId(ourNumber(seen.tight)) && seen.kinds.includes(ourNumber(seen.tight).slice(0, 2)),
  id_card: (found, seen) => isIdCard(found[0], seen.born),
  gtin: (found) => isGtin(found.groups?.gtin ?? found[0]),
  luhn: (found) => isLuhn(found[0]),
  crc: (found) => hasCrc(found[0]),
};

function fits(row, seen) {
  if ((row.typed_only && !seen.typed) || (row.symbologies && !row.symbologies.includes(seen.symbology))) return false;
  const text = row.as_read ? seen.read : seen.tight;
  const long = Array.from(text).length;
  if (row.length && (long < row.length[0] || long > row.length[1])) return false;
  row.exact ??= new RegExp(`^(?:${row.pattern})$`, 'is');
  const found = row.exact.exec(text);
  return found !== null && (!row.check || CHECKS[row.check](found, seen));
}

/** The newest table that is valid on a day (ISO). */
export const newest = (tables, today) => tables.filter((each) => each.valid_from <= today).at(-1) ?? tables[0];

/**
 * What a text is. `ok`: it may be charged now. `says`: the code of the advice. `code`: the text as it goes on, kept for
 * payment codes that are ok and for our own numbers. `question`: ask again with `noIdCard` once the cashier has said so.
 */
export function recognise(text, tables, { typed = false, noIdCard = false, today }) {
  const table = newest(tables, today);
  const nothing = { kind: 'unknown', wallet: null, ok: false, says: 'scan.unknown', question: false, code: '' };
  if (Array.from(text).length > table.length_max) return nothing;
  const seen = { ...tidied(text, typed), born: [table.born_from, today], kinds: table.kinds };
  if (/[\x00-\x1f\x7f-\x9f\ud800-\udfff]/u.test(seen.tight)) return nothing;
  const row = table.rows.find((each) => !(each.question && noIdCard) && fits(each, seen));
  return row ? told(row, seen, table) : nothing;
}

function told(row, seen, table) {
  let { says } = row;
  let ok = false;
  if (row.kind === 'payment_code') {
    if (seen.typed && row.scanner_only) says = 'scan.scanner_only';
    else if (!table.offered.includes(row.wallet)) says = 'scan.channel_off';
    else ok = true;
  }
  const { tight } = seen;
  const code = row.kind === 'our_number' ? ourNumber(tight) : !ok ? '' : tight === tight.toUpperCase() ? tight.toLowerCase() : tight;
  return { kind: row.kind, wallet: row.wallet ?? null, ok, says, question: row.question ?? false, code };
}
