// SPDX-License-Identifier: Apache-2.0
// The page: which view it shows, by the fragment of its URL, and the keys that work everywhere.

import {AutoWasm} from './autowasm.js';
import {AutoWasms} from './autowasms.js';
import {setText} from './dom.js';
import {Modules, Module} from './modules.js';
import {Proxies, Proxy} from './proxies.js';
import {Store} from './store.js';

const main = document.getElementById('main');
const connection = document.getElementById('connection');
const store = new Store();
// The views of all are kept with their filter and their place, those of one thing are made anew.
const views = {autowasms: new AutoWasms(store), proxies: new Proxies(store), modules: new Modules(store)};
const details = {autowasms: AutoWasm, proxies: Proxy, modules: Module};
let shown = null;

/** Returns the view that the fragment names: #/kind or #/kind/part/part. */
function viewOf(hash) {
  const [kind, ...parts] = hash.replace(/^#\//, '').split('/').map(decode);
  if (!(kind in views)) return ['autowasms', views.autowasms];
  return [kind, parts.length ? new details[kind](store, ...parts) : views[kind]];
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // it was typed by hand
  }
}

function show() {
  const [kind, view] = viewOf(location.hash);
  const first = shown === null;
  shown?.close?.();
  shown = view;
  view.open?.();
  main.replaceChildren(view.root);
  document.title = view.title + ' – AutoWasm';
  for (const link of document.querySelectorAll('nav a')) {
    if (link.hash === '#/' + kind) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  view.update();
  if (!first) view.focus();
}

function key(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.isComposing) return;
  const typing = event.target.matches('input, textarea');
  if (event.key === '/' && !typing && shown.search) {
    event.preventDefault();
    shown.search.focus();
    shown.search.select();
  } else if (event.key === 'Escape') {
    event.preventDefault();
    if (!shown.escape() && typing) shown.focus();
  }
}

const connections = {loading: 'Loading…', live: 'Live', lost: 'Connection lost, trying again'};

function showConnection() {
  const text = connections[store.connection] + (store.why ? ': ' + store.why : '');
  if (connection.textContent === text) return;
  connection.dataset.state = store.connection;
  setText(connection, text);
}

store.addEventListener('connection', showConnection);
store.addEventListener('change', () => {
  shown.update();
  setText(document.getElementById('server'), `wasmer ${store.wasmer} on ${store.replica}; every replica shows the same`);
});
addEventListener('hashchange', show);
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault(); // the fragment names the view
  main.focus();
});
document.addEventListener('keydown', key);
setInterval(() => shown.tick?.(), 5000);
show();
store.start();
