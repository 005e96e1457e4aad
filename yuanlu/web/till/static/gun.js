// A scanner gun types like a keyboard, very fast, and mostly ends with Enter. Bursts are caught wherever the focus is,
// and their Enter is swallowed: else it would press whatever button has the focus and hide what happened.

export const GAP_MS = 35;
export const LETTERS_MIN = 8;
export const QUIET_MS = 800;
const [PATIENT, QUICK] = [GAP_MS * 30, GAP_MS * 14]; // how long a burst without its Enter may go on

/** The letter of a key; of one that goes through a Chinese input method, by its place on the keyboard. */
function letterOf(event) {
  if (event.key.length === 1) return event.key;
  const named = /^(?:Digit|Numpad|Key)([0-9A-Z])$/.exec(event.code ?? '');
  return event.key === 'Process' && named ? (event.shiftKey ? named[1] : named[1].toLowerCase()) : '';
}

/**
 * Listen to the whole window. `scanned(text)` is told of each burst; `typed(letter)` of single keys that came slowly and
 * outside of fields ('Backspace' and 'Escape' by name), and gives back how to take that back. `now` is a clock in milliseconds.
 */
export function listen({ scanned, typed, target = window, now = () => performance.now() }) {
  let burst = '';
  let last = -Infinity;
  let timer = 0;
  let quietUntil = -Infinity;
  let slack = PATIENT; // shorter once a gun was heard that sends no Enter
  let field = null;
  let early = []; // letters taken for typed ones, as a busy page heard of the next too late, each with how to take it back
  let cut = ''; // a burst told of without its Enter: when its next key went down in time after all, it is told of whole

  const isField = (node) => node instanceof HTMLInputElement || node instanceof HTMLTextAreaElement;

  function settle(isCut = false) {
    clearTimeout(timer);
    const text = burst;
    const piece = cut;
    [burst, cut] = ['', ''];
    if (text === piece) return; // only its Enter came late
    if (text.length >= LETTERS_MIN) {
      if (field) field.node.value = field.before;
      if (piece || now() >= quietUntil) scanned(text); // its own piece's result does not silence it
      if (isCut) cut = text;
    } else if (!field) {
      early = [...text].map((letter) => [letter, typed(letter)]);
    }
  }

  target.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || (event.isComposing && event.key !== 'Process')) return;
    const at = event.timeStamp; // when the key went down: a busy page hears of it later
    if (at - last > GAP_MS) {
      if (burst) settle();
      [early, cut] = [[], ''];
    } else if (!burst && cut && (letterOf(event) || event.key === 'Enter')) {
      [burst, field] = [cut, null];
    } else if (!burst && early.length) { // the keys went down together after all: it is one burst
      for (const [, takeBack] of early.toReversed()) takeBack?.();
      [burst, early, field] = [early.map(([letter]) => letter).join(''), [], null];
    }
    const letter = letterOf(event);
    if (event.key === 'Enter' && burst.length >= LETTERS_MIN) {
      event.preventDefault();
      event.stopPropagation();
      slack = PATIENT;
      settle();
      return;
    }
    if (letter) {
      if (!burst) field = isField(event.target) ? { node: event.target, before: event.target.value } : null;
      if (letter === ' ' && !burst && !field) return; // the space bar presses buttons
      burst += letter;
      last = at;
      clearTimeout(timer);
      const wait = burst.length === 1 ? GAP_MS * 4 : burst.length < LETTERS_MIN ? QUICK : slack;
      timer = setTimeout(() => { if (burst.length >= LETTERS_MIN) slack = QUICK; settle(true); }, wait);
    } else if (!isField(event.target) && (event.key === 'Backspace' || event.key === 'Escape')) {
      typed(event.key);
    }
  }, true);

  return { rest: () => { quietUntil = now() + QUIET_MS; } };
}
