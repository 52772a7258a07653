// SPDX-License-Identifier: Apache-2.0
// Elements are made here alone. What the server sends becomes text, never markup.

/**
 * Returns an element. Of props, class, text and on… (a listener) are special, the others are attributes, left out when
 * they are null or false. Children are elements or strings; null and false are left out.
 */
export function el(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'class') element.className = value;
    else if (name === 'text') element.textContent = value;
    else if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Sets the text of an element unless it has it already. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const announcer = document.getElementById('announcer');
let pending;

/** Has a screen reader say something, the last of what comes within half a second. */
export function announce(text) {
  clearTimeout(pending);
  pending = setTimeout(() => setText(announcer, text), 500);
}
