// SPDX-License-Identifier: Apache-2.0
// The views of all proxies, and of the filters of one in their order.

import {Detail, section} from './detail.js';
import {announce, el, setText} from './dom.js';
import {ago, count, levelState, linkTo, proxyState, selectsText, short} from './format.js';
import {List} from './list.js';
import {ListView} from './listview.js';
import {Loader} from './loader.js';
import {get, matcher} from './store.js';

const pause = 2000; // milliseconds between two loads of the list

export class Proxies extends ListView {
  #all = [];
  #loader = new Loader(() => this.#load(), pause);
  #problem = 'Loading…';

  constructor(store) {
    super(store, new List({
      label: 'Proxies', class: 'proxies', href: (proxy) => linkTo.proxy(proxy.namespace, proxy.pod),
      columns: [
        {name: 'State', class: 'c-state wide', cell: (proxy) => proxyState(proxy.state ?? 'Running')},
        {name: 'Pod', class: 'c-name', link: true, cell: (proxy) => el('span', {title: proxy.key}, el('span', {class: 'muted', text: proxy.namespace + '/'}), proxy.pod)},
        {name: 'Filters', class: 'c-number', cell: (proxy) => proxy.filters.toLocaleString('en')},
        {name: 'Of them not running', class: 'c-remark', cell: (proxy) => (proxy.notRunning ? proxy.notRunning.toLocaleString('en') : '')},
      ],
    }), {title: 'Proxies', filterLabel: 'Filter proxies', placeholder: 'Pod, namespace, state'});
  }

  update() {
    return this.#loader.update();
  }

  async #load() {
    try {
      const {proxies, omitted} = await get('api/proxies');
      this.#all = proxies.map((proxy) => prepare(proxy));
      this.#problem = 'No AutoWasm selects a proxy.';
      this.omitted = omitted;
    } catch (error) {
      this.#problem = 'Cannot be loaded: ' + error.message;
    }
    this.show();
  }

  show() {
    const items = this.#all.filter(matcher(this.search.value));
    this.list.setItems(items, this.#all.length ? 'No proxy matches.' : this.#problem);
    const failing = items.filter((proxy) => proxy.notRunning).length;
    setText(this.summary, count(items.length, 'proxy', 'proxies') + (failing ? `, ${failing.toLocaleString('en')} with a filter that does not run` : '') + (this.omitted ? `; ${this.omitted.toLocaleString('en')} more are not shown` : ''));
    if (this.search.value) announce(this.summary.textContent);
  }

  close() {
    this.#loader.closed = true;
  }

  open() {
    this.#loader.closed = false;
  }
}

function prepare(proxy) {
  proxy.key = proxy.namespace + '/' + proxy.pod;
  proxy.text = (proxy.key + ' ' + (proxy.state ?? 'Running')).toLowerCase();
  return proxy;
}

const directions = [
  ['Inbound', 'Requests to the workload', 'A request passes these filters from the first to the last, each on its ports.'],
  ['Outbound', 'Requests of the workload', 'A request that the workload makes passes these filters from the first to the last, each on its ports.'],
  ['Gateway', 'Requests through the gateway', 'A request passes these filters from the first to the last, each on its ports.'],
];

export class Proxy extends Detail {
  constructor(store, namespace, pod) {
    super(store, {
      kind: 'Proxy of Pod', title: namespace + '/' + pod, back: {href: '#/proxies', name: 'Proxies'},
      path: 'api/proxies/' + encodeURIComponent(namespace) + '/' + encodeURIComponent(pod),
      gone: 'No AutoWasm selects a proxy of this Pod.',
    });
  }

  show(proxy) {
    const parts = directions.map(([context, name, about]) => {
      const filters = proxy.filters.filter(({selects}) => selects.context === context);
      return filters.length ? section(name, el('p', {class: 'muted', text: about}), el('ol', {class: 'chain', role: 'list'}, filters.map(link))) : null;
    });
    this.content.replaceChildren(...parts.filter(Boolean), el('p', {class: 'muted', text: 'Filters that AutoWasms did not make are not shown: istioctl proxy-config listeners has all.'}));
  }
}

/** One filter of a proxy. */
function link({namespace, name, level, priority, selects, envoyFilter, module, proxy}) {
  const notes = [selects.ports?.length ? 'port ' + selects.ports.join(', ') : 'all ports', 'priority ' + priority];
  if (module) notes.push('module ' + short(module));
  if (envoyFilter !== 'InForce') notes.push('its EnvoyFilter is not in force');
  if (selects.proxyVersion) notes.push('only proxies of version ' + selects.proxyVersion);
  return el('li', {},
    el('div', {class: 'line'}, el('a', {href: linkTo.autoWasm(namespace, name), text: namespace + '/' + name}), proxyState(proxy.state),
      proxy.since && el('span', {class: 'muted'}, 'for ', ago(proxy.since)), level === 'Failed' && proxy.state === 'Running' && levelState(level)),
    el('div', {class: 'muted', text: notes.join(' · ')}),
    proxy.message && el('div', {text: proxy.message}),
    !module && el('div', {class: 'muted', text: selectsText(selects)}));
}
