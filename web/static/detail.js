// SPDX-License-Identifier: Apache-2.0
// What the views of one thing share: they load it, and again when something has changed.

import {el} from './dom.js';
import {updateAges} from './format.js';
import {Loader} from './loader.js';
import {get} from './store.js';

const pause = 1000; // milliseconds between two loads

/** A view of one thing, which the server has at path. A subclass fills this.content in show(thing); gone is shown when there is none. */
export class Detail {
  #loader = new Loader(() => this.#load(), pause);
  #shown = '';

  constructor(store, {title, kind, back, path, gone}) {
    Object.assign(this, {store, title, back, path, gone});
    this.content = el('div', {class: 'content'}, el('p', {class: 'muted', text: 'Loading…'}));
    this.root = el('section', {class: 'scroll', 'aria-labelledby': 'title'},
      el('p', {class: 'crumb'}, el('a', {href: back.href, text: back.name})),
      el('h1', {id: 'title', tabindex: '-1'}, el('span', {class: 'kind', text: kind + ' '}), title),
      this.content);
  }

  update() {
    return this.#loader.update();
  }

  async #load() {
    try {
      const thing = await get(this.path);
      const text = JSON.stringify(thing);
      if (text === this.#shown || this.#loader.closed) return;
      this.#shown = text;
      if (thing) this.show(thing);
      else this.#notice(this.gone);
    } catch (error) {
      if (!this.#shown) this.#notice('Cannot be loaded: ' + error.message);
    }
  }

  #notice(text) {
    this.content.replaceChildren(el('p', {class: 'notice', text}));
  }

  close() {
    this.#loader.closed = true;
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
