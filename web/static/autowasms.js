// SPDX-License-Identifier: Apache-2.0
// The list of all AutoWasms, and that of some in another view.

import {announce, el, setText} from './dom.js';
import {ago, count, levelState, levels, linkTo, proxiesText, selectsText, short} from './format.js';
import {List} from './list.js';
import {ListView} from './listview.js';
import {matcher} from './store.js';

function remark(row) {
  if (row.level === 'Fine') return selectsText(row.selects);
  if (row.level === 'Attention') return row.findings || row.config || row.trial || selectsText(row.selects);
  return row.ready.reason + ': ' + row.ready.message;
}

/** Returns a list of AutoWasms. */
export function autoWasmList(label) {
  return new List({
    label,
    class: 'autowasms',
    href: (row) => linkTo.autoWasm(row.namespace, row.name),
    columns: [
      {name: 'State', class: 'c-state', cell: (row) => levelState(row.level)},
      {name: 'AutoWasm', class: 'c-name', link: true, cell: (row) => el('span', {title: row.key}, el('span', {class: 'muted', text: row.namespace + '/'}), row.name)},
      {name: 'Proxies that run it', class: 'c-proxies', cell: (row) => proxiesText(row.proxies)},
      {name: 'Why, or what it selects', class: 'c-remark', cell: (row) => el('span', {title: remark(row), text: remark(row)})},
      {name: 'Module', class: 'c-module mono', cell: (row) => (row.module ? short(row.module.sha256) : '')},
      {name: 'Since', class: 'c-since', cell: (row) => ago(row.ready.since)},
    ],
  });
}

/** The view of all AutoWasms. */
export class AutoWasms extends ListView {
  #level = null;

  constructor(store) {
    super(store, autoWasmList('AutoWasms'), {
      title: 'AutoWasms', filterLabel: 'Filter AutoWasms', placeholder: 'Name, label, reason, source, module',
    });
    this.buttons = [null, ...levels].map((level) => this.#button(level));
    this.search.after(el('div', {class: 'levels', role: 'group', 'aria-label': 'State'}, this.buttons.map(({button}) => button)));
  }

  #button(level) {
    const total = el('span', {class: 'count'});
    const button = el('button', {
      type: 'button', 'aria-pressed': 'false', title: level?.says,
      onclick: () => {
        this.#level = level?.id ?? null;
        this.show();
      },
    }, level ? levelState(level.id) : 'All', ' ', total);
    return {level: level?.id ?? null, button, total};
  }

  update() {
    this.show();
  }

  show() {
    const {store} = this;
    const found = store.sorted.filter(matcher(this.search.value));
    const items = this.#level ? found.filter((row) => row.level === this.#level) : found;
    for (const {level, button, total} of this.buttons) {
      button.setAttribute('aria-pressed', level === this.#level);
      setText(total, (level ? found.filter((row) => row.level === level).length : found.length).toLocaleString('en'));
    }
    this.list.setItems(items, store.loaded ? this.#whyEmpty() : 'Loading…');
    const text = store.omitted ? `The first ${store.rows.size.toLocaleString('en')} of ${count(store.rows.size + store.omitted, 'AutoWasm')}; wasmc status -A has all.` : '';
    setText(this.summary, text);
    if (this.search.value || this.#level) announce(count(items.length, 'AutoWasm') + ' of ' + store.rows.size.toLocaleString('en'));
  }

  #whyEmpty() {
    return this.store.rows.size ? 'No AutoWasm matches.' : 'There is no AutoWasm in the cluster.';
  }

  escape() {
    if (!this.search.value && !this.#level) return false;
    this.search.value = '';
    this.#level = null;
    this.show();
    return true;
  }
}
