// The little that pages cannot do by themselves: the theme before anything is drawn, and keys for who works through a queue.

const root = document.documentElement;
const dark = matchMedia('(prefers-color-scheme: dark)');
const theme = () => localStorage.getItem('theme') ?? (dark.matches ? 'dark' : 'light');
const put = () => { root.dataset.theme = theme(); };
put();
dark.addEventListener('change', put);

document.addEventListener('click', (event) => {
  if (!event.target.closest?.('[data-theme-switch]')) return;
  localStorage.setItem('theme', theme() === 'dark' ? 'light' : 'dark');
  put();
});

// The menu is folded where there is room for one column; without a script it stays open.
const slim = matchMedia('(max-width: 899px)');
const fold = () => document.querySelector('.menu > details')?.toggleAttribute('open', !slim.matches);
document.addEventListener('DOMContentLoaded', fold);
slim.addEventListener('change', fold);

const isTyping = (target) => target.matches?.('input:not([type=checkbox], [type=radio]), textarea, select') || target.isContentEditable;

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || localStorage.getItem('keys') === 'off') return;
  const key = event.key.toLowerCase();
  const rows = [...document.querySelectorAll('[data-row]')];
  if (key === 'j' || key === 'k') {
    const at = rows.findIndex((row) => row.getAttribute('aria-current'));
    rows[at + (key === 'j' ? 1 : -1)]?.click();
  }
  const act = document.querySelector(`details[data-key="${CSS.escape(key)}"]`);
  if (!act) return;
  event.preventDefault();
  act.open = true;
  act.querySelector('input:not([type=hidden]), select, textarea')?.focus();
});

document.addEventListener('keydown', (event) => {
  const act = event.key === 'Escape' && event.target.closest?.('details.act');
  if (!act) return;
  act.open = false;
  act.querySelector('summary').focus();
});
