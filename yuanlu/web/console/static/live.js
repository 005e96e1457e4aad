// The review page alive: htmx swaps the part that was asked for; what moves meanwhile is marked, and swapped by whoever looks.

const list = () => document.querySelector('#list');
const detail = () => document.querySelector('#detail');
const shown = () => detail()?.querySelector('[data-case]')?.dataset;

htmx.registerExtension('no-eval', {
  init: (api) => {
    const no = class { constructor() { throw new Error('nothing is evaluated here'); } };
    api.initSecurity(null, no, no);
  },
});

// --- parts ---

/** What somebody wrote into the forms of the detail, so that a fresh one keeps it: by the id of the field. */
const written = () => new Map([...detail().querySelectorAll('textarea, input:not([type=hidden])')]
  .filter((field) => field.value !== field.defaultValue).map((field) => [field.id, field.value]));
let kept = new Map();
let asker = null;

document.addEventListener('htmx:before:request', ({ detail: { ctx } }) => {
  asker = ctx.sourceElement;
  kept = asker.matches('[data-fresh]') ? written() : new Map();
  if (!asker.matches('[data-row]')) return;
  for (const row of document.querySelectorAll('[data-row][aria-current]')) row.removeAttribute('aria-current');
  asker.setAttribute('aria-current', 'true');
});

// A whole page is the answer (signed out, a step-up): it is done as without this script.
// Where the first one was done after all, its version or id keeps the second from doing it again.
document.addEventListener('htmx:after:request', (event) => {
  const { sourceElement: source, response } = event.detail.ctx;
  if (!response.headers.has('x-whole')) return;
  event.preventDefault();
  if (source instanceof HTMLFormElement) source.submit();
  else location.assign(source.href);
});

document.addEventListener('htmx:after:swap', ({ detail: { ctx } }) => {
  if (ctx.target?.id === 'detail') {
    for (const [id, text] of kept) {
      const field = document.getElementById(id);
      if (!field) continue;
      field.value = text;
      const act = field.closest('details');
      if (act) act.open = true;
    }
    const place = detail().querySelector('.wrong') ?? (asker?.matches('.say') ? detail().querySelector('#stream') : detail().querySelector('h2'));
    place?.focus();
  }
  for (const row of document.querySelectorAll('[data-row]')) row.toggleAttribute('aria-current', false);
  document.querySelector(`[data-row][href$="${shown()?.case}"]`)?.setAttribute('aria-current', 'true');
  mark();
  listen();
});

// --- what moved ---

let source = null;
let heard = '';
let queue = null;
let version = 0;

const say = (box, moved) => { if (box) box.hidden = !moved; };

function mark() {
  for (const [tab, { n }] of Object.entries(queue ?? {})) {
    const most = Number(list()?.dataset.most);
    for (const place of document.querySelectorAll(`[data-count="${tab}"]`)) place.textContent = n > most ? `${most}+` : n || '';
  }
  say(document.querySelector('[data-moved=case]'), version > Number(shown()?.version ?? 0) && heard === shown()?.case);
}

/** Only by what was just heard: a list that was just swapped is newer than what was heard before. */
function markList() {
  const now = queue[list()?.dataset.tab];
  say(document.querySelector('[data-moved=list]'), now && String(now.mark) !== list().dataset.mark);
}

const COME_AGAIN_MS = 30_000;

function listen() {
  const wish = shown()?.case ?? '';
  if (!list() || (source && source.readyState !== EventSource.CLOSED && wish === heard)) return;
  source?.close();
  heard = wish;
  version = 0;
  source = new EventSource(`/console/live?case=${wish}`);
  source.addEventListener('queue', (event) => { queue = JSON.parse(event.data); mark(); markList(); });
  source.addEventListener('case', (event) => { version = JSON.parse(event.data).version; mark(); });
}

// A browser comes again by itself where a stream was cut; where it was let in no more (full, signed out), it is asked for later.
setInterval(() => { if (!document.hidden) listen(); }, COME_AGAIN_MS);
addEventListener('pagehide', () => source?.close());
addEventListener('pageshow', listen);
listen();
