// Money: what is keyed is a string of digits, what is reckoned is whole fen. No fraction is ever a number.

const FEN_MAX = 100_000_000; // more than that is no sale: the server's own limit is higher

/** The keyed text after one more key. Shape: '', '12', '12.', '12.8', '12.80'. A key that would spoil it does nothing. */
export function keyed(text, key) {
  if (key === 'back') return text.slice(0, -1);
  if (key === 'clear') return '';
  if (key === '.') return text.includes('.') ? text : (text || '0') + '.';
  const next = (text === '0' ? '' : text) + (text === '' && key === '00' ? '0' : key);
  const shaped = /^(0|[1-9]\d*)?(\.\d{0,2})?$/.test(next) ? next : text;
  return fenOf(shaped) > FEN_MAX ? text : shaped;
}

/** Whole fen of a keyed text. '12.8' is 1280. */
export function fenOf(text) {
  const [yuan = '', cents = ''] = text.split('.');
  return Number.parseInt((yuan + cents.padEnd(2, '0').slice(0, 2)) || '0', 10);
}

/** The keyed text of an amount: '12.80' for 1280 fen, '12' for 1200. */
export const keyedOf = (fen) => `${Math.trunc(fen / 100)}${fen % 100 ? `.${String(fen % 100).padStart(2, '0')}` : ''}`;

/** '1,280.00' for 128000 fen. */
export function plain(fen) {
  const digits = String(Math.abs(fen)).padStart(3, '0');
  const yuan = digits.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, ',');
  return `${fen < 0 ? '-' : ''}${yuan}.${digits.slice(-2)}`;
}

/** '¥1,280.00' */
export const shown = (fen) => `¥${plain(fen)}`;

/** What stands on the pad while keying: as far as it was keyed, thousands parted. */
export function onPad(text) {
  const [yuan, cents] = text.split('.');
  const parted = (yuan || '0').replace(/\B(?=(\d{3})+$)/g, ',');
  return cents === undefined ? parted : `${parted}.${cents}`;
}
