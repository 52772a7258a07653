// SPDX-License-Identifier: Apache-2.0
// The view of one AutoWasm: what has become of it, where it runs, where not and why not, and what to do.

import {Detail, facts, section, table} from './detail.js';
import {el} from './dom.js';
import {ago, bytes, count, levelState, linkTo, proxyState, selectsText} from './format.js';

const envoyFilterStates = {
  InForce: 'in force',
  Staged: 'staged, in force nowhere yet',
  Foreign: 'not made by AutoWasm, left alone',
  Absent: 'there is none yet',
  Unreadable: 'cannot be read',
};

export class AutoWasm extends Detail {
  constructor(store, namespace, name) {
    super(store, {
      kind: 'AutoWasm', title: namespace + '/' + name, back: {href: '#/autowasms', name: 'AutoWasms'},
      path: 'api/autowasms/' + encodeURIComponent(namespace) + '/' + encodeURIComponent(name),
      gone: 'There is no such AutoWasm any more.',
    });
  }

  show(report) {
    this.content.replaceChildren(...[
      verdict(report), todo(report), proxies(report), filter(report), module(report), envoyFilter(report),
    ].filter(Boolean));
  }
}

function verdict({level, ready, findings, config, trial}) {
  return el('div', {class: 'verdict ' + level.toLowerCase()},
    el('p', {class: 'headline'}, levelState(level), ready.since && el('span', {class: 'muted'}, ' for ', ago(ready.since)), el('span', {class: 'muted', text: ' · ' + ready.reason})),
    ready.message && el('p', {text: ready.message}),
    findings && el('p', {}, el('strong', {text: 'Preflight: '}), findings),
    config && el('p', {}, el('strong', {text: 'Its schema refuses the configuration: '}), config),
    trial && el('p', {}, el('strong', {text: 'Tried, and fails: '}), trial));
}

function todo({actions}) {
  if (!actions?.length) return null;
  return section('What to do', el('ul', {class: 'todo'}, actions.map(({reason, do: what}) => el('li', {}, el('span', {class: 'reason', text: reason}), what))));
}

function proxies({proxies: p, omitted, selects}) {
  const rows = (p.all ?? []).map((proxy) => [
    proxyState(proxy.state), el('a', {href: linkTo.proxy(proxy.namespace, proxy.pod), text: proxy.namespace + '/' + proxy.pod}),
    ago(proxy.since), proxy.message ?? '',
  ]);
  const notes = [
    p.observed ? `${p.running.toLocaleString('en')} of ${p.selected.toLocaleString('en')} selected proxies run the module.` : null,
    !p.observed && rows.length ? 'Not observed: wasmer does not scrape the proxies, or has not yet.' : null,
    !p.observed && !rows.length ? 'No proxy is selected.' : null,
    p.podsWithoutProxy ? count(p.podsWithoutProxy, 'selected Pod has', 'selected Pods have') + (selects.context === 'Gateway' ? ' no gateway’s proxy.' : ' no sidecar.') : null,
    omitted ? count(omitted, 'more proxy is', 'more proxies are') + ' not shown: wasmc status NAME has all.' : null,
    p.message ? 'Pods cannot be read: ' + p.message : null,
  ];
  return section('Proxies', notes.filter(Boolean).map((text) => el('p', {text})), rows.length ? table('Proxies', ['State', 'Pod', 'Since', 'Why'], rows) : null);
}

function filter({selects, priority, source}) {
  return section('Filter', facts(['Selects', selectsText(selects)], ['Priority', String(priority ?? 0)], ['Source', source]));
}

function module({module: m}) {
  if (!m) return section('Module', el('p', {text: 'Not resolved yet.'}));
  return section('Module', facts(
    ['Sha256', el('a', {class: 'mono', href: linkTo.module(m.sha256), text: m.sha256})], ['Size', bytes(m.size)], ['Proxy-Wasm ABI', m.abi],
    ['Pinned to', m.reference && el('span', {class: 'mono', text: m.reference})], ['Fetched', m.fetchedAt && el('span', {}, ago(m.fetchedAt), ' ago')]));
}

function envoyFilter({envoyFilter: ef, module: m, namespace, name}) {
  return section('EnvoyFilter', facts(
    ['Name', ef.state === 'Absent' ? null : namespace + '/' + name], ['State', envoyFilterStates[ef.state] ?? ef.state],
    ['Written', ef.since && el('span', {}, ago(ef.since), ' ago')],
    ['Outdated', ef.outdated && `it is of generation ${ef.generation} of the AutoWasm`],
    ['Carries', ef.module && ef.module !== m?.sha256 && el('span', {class: 'mono', text: ef.module})], ['Why', ef.message]));
}
