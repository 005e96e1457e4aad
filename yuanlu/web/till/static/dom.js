// Elements made by hand: `h('button', { class: 'btn', onclick }, 'words')`. Text is always text, never markup.

const SVG = 'http://www.w3.org/2000/svg';

export function h(tag, props = {}, ...kids) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (name === 'class') made.className = value;
    else if (name === 'value') made.value = value;
    else made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...kids.flat().filter((kid) => kid !== undefined && kid !== null && kid !== false && kid !== ''));
  return made;
}

// The signs stand in the page, once: of a file that a sign leads to, Chromium keeps a copy for each time one is drawn.
fetch('/static/icons.svg').then((answer) => answer.text()).then((text) => {
  const signs = new DOMParser().parseFromString(text, 'image/svg+xml').documentElement;
  for (const each of signs.children) each.id = `sign-${each.id}`;
  signs.setAttribute('hidden', '');
  document.body.append(signs);
});

export function icon(name, kind = '') {
  const made = document.createElementNS(SVG, 'svg');
  made.setAttribute('class', `icon ${kind}`);
  made.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `#sign-${name}`);
  made.append(use);
  return made;
}

export const button = (words, onclick, { kind = '', sign, ...more } = {}) => h(
  'button', { type: 'button', class: `btn ${kind}`, onclick, ...more }, sign && icon(sign), h('span', {}, words),
);

/** A button that shows a sign alone, with its words for those who hear the page. */
export const bare = (sign, words, onclick) => h(
  'button', { type: 'button', class: 'btn bare icon-only', 'aria-label': words, onclick }, icon(sign),
);

/** A text of several lines as lines. */
export const broken = (text) => text.split('\n').flatMap((line, place) => (place ? [h('br'), line] : [line]));

/** The heading that takes the focus when a screen comes: never a button, a gun's Enter would press it. */
export const heading = (words, more = {}) => h('h1', { tabindex: '-1', 'data-first': true, ...more }, words);
