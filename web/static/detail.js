// SPDX-License-Identifier: Apache-2.0
// What the views of one thing share: they load it, and again when something has changed.

import {el} from './dom.js';
import {updateAges} from './format.js';
import {get} from './store.js';

const pause = 1000; // milliseconds between two loads

/** A view of one thing, which the server has at path. A subclass fills this.content in show(thing), which is null when it is gone. */
export class Detail {
  #loading = false;
  #again = false;
  #closed = false;
  #shown = '';

  constructor(store, {title, kind, back, path}) {
    Object.assign(this, {store, title, back, path});
    this.content = el('div', {class: 'content'}, el('p', {class: 'muted', text: 'Loading…'}));
    this.root = el('section', {class: 'scroll', 'aria-labelledby': 'title'},
      el('p', {class: 'crumb'}, el('a', {href: back.href, text: back.name})),
      el('h1', {id: 'title', tabindex: '-1'}, el('span', {class: 'kind', text: kind + ' '}), title),
      this.content);
  }

  /** Loads the thing, and once more afterwards if that is called meanwhile. */
  async update() {
    this.#again = true;
    if (this.#loading) return;
    this.#loading = true;
    while (this.#again && !this.#closed) {
      this.#again = false;
      await this.#load();
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
    this.#loading = false;
  }

  async #load() {
    try {
      const thing = await get(this.path);
      const text = JSON.stringify(thing);
      if (text === this.#shown || this.#closed) return;
      this.#shown = text;
      this.show(thing);
    } catch (error) {
      if (!this.#shown) this.content.replaceChildren(el('p', {class: 'notice', text: 'Cannot be loaded: ' + error.message}));
    }
  }

  close() {
    this.#closed = true;
  }

  tick() {
    updateAges(this.root);
  }

  focus() {
    this.root.querySelector('h1').focus({preventScroll: true});
  }

  escape() {
    location.hash = this.back.href;
    return true;
  }
}

/** A section with a heading. */
export function section(name, ...content) {
  return el('section', {class: 'part'}, el('h2', {text: name}), ...content);
}

/** A list of facts: [name, text or element], without those that are empty. */
export function facts(...pairs) {
  const shown = pairs.filter(([, value]) => value);
  return el('dl', {}, shown.map(([name, value]) => el('div', {}, el('dt', {text: name}), el('dd', {}, value))));
}

/** A table with a row for each of the rows, whose cells are strings or elements. */
export function table(label, names, rows) {
  return el('div', {class: 'table', role: 'region', 'aria-label': label, tabindex: '0'}, el('table', {},
    el('thead', {}, el('tr', {}, names.map((name) => el('th', {scope: 'col', text: name})))),
    el('tbody', {}, rows.map((cells) => el('tr', {}, cells.map((cell) => el('td', {}, cell)))))));
}
