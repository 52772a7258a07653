// SPDX-License-Identifier: Apache-2.0
// The views of all modules, and of one with the AutoWasms that use it.

import {autoWasmList} from './autowasms.js';
import {announce, el, setText} from './dom.js';
import {ago, bytes, count, linkTo} from './format.js';
import {facts} from './detail.js';
import {List} from './list.js';
import {ListView} from './listview.js';
import {matcher} from './store.js';

/** The modules of all rows, those that the most use first. */
function modulesOf(rows) {
  const bySha = new Map();
  for (const row of rows) {
    if (!row.module) continue;
    const known = bySha.get(row.module.sha256);
    if (known) known.users.push(row);
    else bySha.set(row.module.sha256, {...row.module, key: row.module.sha256, users: [row]});
  }
  for (const module of bySha.values()) {
    module.sources = new Set(module.users.map((row) => row.source));
    module.text = [module.sha256, module.reference, module.abi, ...module.sources].join(' ').toLowerCase();
  }
  return [...bySha.values()].sort((a, b) => b.users.length - a.users.length || (a.key < b.key ? -1 : 1));
}

const running = (module) => module.users.filter((row) => row.level === 'Fine' || row.level === 'Attention').length;

function sourcesText({sources}) {
  const [first, ...more] = sources;
  return more.length ? `${first} and ${count(more.length, 'other')}` : first;
}

export class Modules extends ListView {
  constructor(store) {
    super(store, new List({
      label: 'Modules', class: 'modules', href: (module) => linkTo.module(module.sha256),
      columns: [
        {name: 'Sha256', class: 'c-sha mono', link: true, cell: (module) => el('span', {title: module.sha256, text: module.sha256})},
        {name: 'Used by', class: 'c-number', cell: (module) => module.users.length.toLocaleString('en')},
        {name: 'Ready', class: 'c-number', cell: (module) => running(module).toLocaleString('en')},
        {name: 'Size', class: 'c-size', cell: (module) => bytes(module.size)},
        {name: 'ABI', class: 'c-number', cell: (module) => module.abi},
        {name: 'From', class: 'c-remark', cell: (module) => el('span', {title: [...module.sources].join('\n'), text: sourcesText(module)})},
      ],
    }), {title: 'Modules', filterLabel: 'Filter modules', placeholder: 'Sha256, image, URL'});
  }

  update() {
    this.all = modulesOf(this.store.sorted);
    this.show();
  }

  show() {
    const items = this.all.filter(matcher(this.search.value));
    this.list.setItems(items, this.store.loaded ? (this.all.length ? 'No module matches.' : 'No AutoWasm has a module.') : 'Loading…');
    setText(this.summary, count(items.length, 'module'));
    if (this.search.value) announce(this.summary.textContent);
  }
}

export class Module {
  constructor(store, sha256) {
    Object.assign(this, {store, sha256, title: sha256.slice(0, 12)});
    this.facts = el('div');
    this.list = autoWasmList('AutoWasms that use the module');
    this.root = el('section', {class: 'fill padded', 'aria-labelledby': 'title'},
      el('p', {class: 'crumb'}, el('a', {href: '#/modules', text: 'Modules'})),
      el('h1', {id: 'title', tabindex: '-1'}, el('span', {class: 'kind', text: 'Module '}), el('span', {class: 'mono', text: sha256.slice(0, 12)})),
      this.facts, this.users = el('h2'), this.list.root);
  }

  update() {
    const module = modulesOf(this.store.sorted).find(({sha256}) => sha256 === this.sha256);
    this.list.setItems(module?.users ?? [], this.store.loaded ? 'No AutoWasm uses it.' : 'Loading…');
    setText(this.users, 'Used by ' + count(module?.users.length ?? 0, 'AutoWasm'));
    const shown = module ? [module.sha256, ...module.sources].join(' ') : '';
    if (shown === this.shown) return;
    this.shown = shown;
    this.facts.replaceChildren(facts(
      ['Sha256', el('span', {class: 'mono', text: this.sha256})], ['Size', module && bytes(module.size)], ['Proxy-Wasm ABI', module?.abi],
      ['From', module && el('ul', {class: 'plain'}, [...module.sources].slice(0, 10).map((source) => el('li', {text: source})))],
      ['Pinned to', module?.reference && el('span', {class: 'mono', text: module.reference})],
      ['Fetched', module?.fetchedAt && el('span', {}, ago(module.fetchedAt), ' ago')]));
  }

  tick() {
    this.list.updateAges();
  }

  focus() {
    this.root.querySelector('h1').focus({preventScroll: true});
  }

  escape() {
    location.hash = '#/modules';
    return true;
  }
}
