// SPDX-License-Identifier: Apache-2.0
// How values are written.

import {el} from './dom.js';

const units = [[86400 * 365, 'y'], [86400, 'd'], [3600, 'h'], [60, 'm'], [1, 's']];
let skew = 0; // of the server's clock to this one, in milliseconds

export function setSkew(milliseconds) {
  skew = milliseconds;
}

/** How long ago a time was, as kubectl writes it: 45s, 12m, 5h, 3d. */
export function age(time) {
  if (!time) return '';
  const seconds = Math.max(0, (Date.now() + skew - Date.parse(time)) / 1000);
  for (const [size, unit] of units) {
    if (seconds >= 2 * size || (size === 1)) return Math.floor(seconds / size) + unit;
  }
  return '';
}

/** An element that shows how long ago a time was, and the time itself when it is pointed at. */
export function ago(time) {
  return time ? el('time', {datetime: time, title: time, 'data-age': true, text: age(time)}) : el('span');
}

/** Writes all ages below an element anew. */
export function updateAges(root) {
  for (const time of root.querySelectorAll('time[data-age]')) time.textContent = age(time.dateTime);
}

export function bytes(count) {
  if (count < 1024) return count + ' B';
  if (count < 1024 * 1024) return (count / 1024).toFixed(1) + ' KiB';
  return (count / 1024 / 1024).toFixed(1) + ' MiB';
}

export function count(number, what, many = what + 's') {
  return number.toLocaleString('en') + ' ' + (number === 1 ? what : many);
}

export const short = (sha256) => sha256.slice(0, 12);

/** The levels of AutoWasms, the most urgent first, with what they are called. */
export const levels = [
  {id: 'Failed', name: 'Failed', shape: 'failed', says: 'not Ready; somebody must act'},
  {id: 'Pending', name: 'Pending', shape: 'pending', says: 'not Ready, and may become so by itself'},
  {id: 'Attention', name: 'Attention', shape: 'attention', says: 'Ready, but something should be looked at'},
  {id: 'Fine', name: 'Ready', shape: 'fine', says: 'Ready'},
];

const byID = Object.fromEntries(levels.map((level, rank) => [level.id, {...level, rank}]));

export const rankOf = (level) => byID[level]?.rank ?? 0;

const waiting = new Set(['Loading', 'LoadFailing', 'Starting', 'NotObserved', 'NotListed', 'Unknown', 'Restarting']);

function shapeOf(proxyState) {
  if (proxyState === 'Running') return 'fine';
  return waiting.has(proxyState) ? 'pending' : 'failed';
}

const words = {
  StartFailed: 'Start failed', LoadFailed: 'Load failed', LoadFailing: 'Load failing', NotInserted: 'Not inserted',
  CrashLooping: 'Crash looping', NotListed: 'Not listed', NotObserved: 'Not observed',
};

function state(shape, name, title) {
  return el('span', {class: 'state ' + shape, title}, el('span', {class: 'shape', 'aria-hidden': 'true'}), el('span', {text: name}));
}

/** The level of an AutoWasm: a word, and a shape of its own beside it. */
export const levelState = (level) => state(byID[level].shape, byID[level].name, byID[level].says);

/** The state of a filter in a proxy. */
export const proxyState = (name) => state(shapeOf(name), words[name] ?? name);

export function selectsText(selects) {
  const labels = Object.entries(selects.labels ?? {}).map(([key, value]) => key + '=' + value);
  const parts = [labels.join(', ') || 'every Pod'];
  if (selects.meshWide) parts[0] += ' in all namespaces';
  parts.push(selects.context, selects.ports?.length ? 'port ' + selects.ports.join(', ') : 'all ports');
  if (selects.proxyVersion) parts.push('proxies of version ' + selects.proxyVersion);
  return parts.join(' · ');
}

/** How many of the selected proxies run the module. */
export function proxiesText(proxies) {
  if (proxies.observed) return proxies.running.toLocaleString('en') + ' of ' + proxies.selected.toLocaleString('en');
  return 'none';
}

export const linkTo = {
  autoWasm: (namespace, name) => '#/autowasms/' + encodeURIComponent(namespace) + '/' + encodeURIComponent(name),
  proxy: (namespace, pod) => '#/proxies/' + encodeURIComponent(namespace) + '/' + encodeURIComponent(pod),
  module: (sha256) => '#/modules/' + encodeURIComponent(sha256),
};
