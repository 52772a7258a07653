// SPDX-License-Identifier: Apache-2.0
// What the views of all things of a kind share: a list, and a field that narrows it.

import {el} from './dom.js';

/** A view of all things of a kind. A subclass shows in show() those that match this.search.value. */
export class ListView {
  constructor(store, list, {title, filterLabel, placeholder}) {
    Object.assign(this, {store, list, title});
    this.search = el('input', {
      type: 'search', placeholder, 'aria-label': filterLabel, autocomplete: 'off', spellcheck: 'false',
      oninput: () => this.show(), onkeydown: (event) => this.#key(event),
    });
    this.summary = el('p', {class: 'summary'});
    this.root = el('section', {class: 'fill', 'aria-labelledby': 'title'},
      el('h1', {id: 'title', class: 'hidden', tabindex: '-1', text: title}), el('div', {class: 'toolbar'}, this.search, this.summary), list.root);
  }

  #key(event) {
    if (event.key === 'ArrowDown' || event.key === 'Enter') {
      event.preventDefault();
      this.list.focus();
    }
  }

  /** Clears the filter; false when there is none. */
  escape() {
    if (!this.search.value) return false;
    this.search.value = '';
    this.show();
    return true;
  }

  tick() {
    this.list.updateAges();
  }

  focus() {
    this.list.focus();
  }
}
