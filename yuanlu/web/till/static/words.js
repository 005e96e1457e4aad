// Words: one catalogue in both languages, which comes with the page. No sentence stands in code.

let catalogue = { zh: {}, en: {} };
export let lang = 'zh';

/** The words stand in the page itself. */
export function load(wish) {
  catalogue = JSON.parse(document.getElementById('words').textContent);
  speak(wish);
}

let isWhole;
/** The words of screens that are opened now and then: fetched with the first of them. */
export const later = () => (isWhole ??= fetch('/till/later.json').then((answer) => answer.json()).then((more) => {
  for (const each of Object.keys(catalogue)) Object.assign(catalogue[each], more[each]);
}, (trouble) => { isWhole = undefined; throw trouble; }));

export function speak(wish) {
  lang = wish === 'en' ? 'en' : 'zh';
  document.documentElement.lang = lang === 'zh' ? 'zh-CN' : 'en';
}

/** The words of a code with its facts. A code without words shows itself: a test walks all that are used. */
export const say = (code, facts = {}) => (catalogue[lang][code] ?? code).replace(/\{(\w+)\}/g, (_, name) => facts[name] ?? '');

/** First line and the rest. */
export function lines(text) {
  const [title, ...rest] = text.split('\n');
  return [title, rest.join('\n')];
}

/** What an answer of the server says, in this language. */
export const said = (told) => told?.[`says_${lang}`] ?? '';

const CHINA = { timeZone: 'Asia/Shanghai' };

/** '14:30' today, else '11-23 14:30' / '23 Nov, 14:30'. */
export function when(iso, now = new Date()) {
  const at = new Date(iso);
  const day = (moment) => moment.toLocaleDateString('sv', CHINA);
  const time = at.toLocaleTimeString('en-GB', { ...CHINA, hour: '2-digit', minute: '2-digit' });
  if (day(at) === day(now)) return time;
  return lang === 'zh' ? `${day(at).slice(5)} ${time}`
    : `${at.toLocaleDateString('en-GB', { ...CHINA, day: 'numeric', month: 'short' })}, ${time}`;
}

/** '2 分钟前' */
export function ago(iso, now = Date.now()) {
  const minutes = Math.max(0, Math.floor((now - new Date(iso).getTime()) / 60_000));
  if (minutes < 1) return say('till.just_now');
  return minutes < 60 ? say('till.minutes_ago', { n: minutes }) : when(iso);
}

/** The day in China, as ISO. */
export const today = (now = new Date()) => now.toLocaleDateString('sv', CHINA);
