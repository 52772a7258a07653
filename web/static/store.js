// SPDX-License-Identifier: Apache-2.0
// What the server shows: all rows at a version, and then each change.

import {rankOf, setSkew} from './format.js';

const retryAfter = 3000;

export class Store extends EventTarget {
  rows = new Map(); // by key
  sorted = []; // the most urgent first
  loaded = false;
  omitted = 0;
  replica = '';
  connection = 'loading'; // or 'live', 'lost'
  why = '';
  #source;

  /** Loads all rows and follows the changes, for as long as the page is there. */
  async start() {
    this.#source?.close();
    try {
      const response = await fetch('api/snapshot', {cache: 'no-store', signal: AbortSignal.timeout(60_000)});
      if (!response.ok) throw new Error((await response.text()).trim());
      const snapshot = await response.json();
      setSkew(Date.parse(response.headers.get('Date')) - Date.now());
      this.#replace(snapshot);
      this.#follow(snapshot.version);
    } catch (error) {
      this.#connected('lost', error.message);
      setTimeout(() => this.start(), retryAfter);
    }
  }

  #replace(snapshot) {
    this.rows = new Map(snapshot.autoWasms.map((row) => [keyOf(row), prepare(row)]));
    Object.assign(this, {loaded: true, omitted: snapshot.omitted, replica: snapshot.replica, wasmer: snapshot.wasmer});
    this.#changed();
  }

  #follow(version) {
    const source = new EventSource('api/events?since=' + encodeURIComponent(version));
    this.#source = source;
    source.addEventListener('open', () => this.#connected('live'));
    source.addEventListener('delta', (event) => this.#apply(JSON.parse(event.data)));
    source.addEventListener('reset', () => this.start());
    source.addEventListener('error', () => {
      this.#connected('lost');
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.start(), retryAfter); // it was refused
    });
  }

  #apply({changed, removed}) {
    for (const row of changed) this.rows.set(keyOf(row), prepare(row));
    for (const key of removed) this.rows.delete(keyOf(key));
    this.#changed();
  }

  #changed() {
    this.sorted = [...this.rows.values()].sort((a, b) => a.rank - b.rank || (a.key < b.key ? -1 : 1));
    this.dispatchEvent(new Event('change'));
  }

  #connected(connection, why = '') {
    Object.assign(this, {connection, why});
    this.dispatchEvent(new Event('connection'));
  }
}

export const keyOf = ({namespace, name}) => namespace + '/' + name;

/** Adds to a row what it is sorted and found by. */
function prepare(row) {
  row.key = keyOf(row);
  row.rank = rankOf(row.level);
  row.text = [
    row.key, row.ready.reason, row.ready.message, row.source, row.module?.sha256, row.phase, row.findings, row.config, row.trial,
    ...Object.entries(row.selects.labels ?? {}).map(([key, value]) => key + '=' + value),
  ].join(' ').toLowerCase();
  return row;
}

/** Returns a predicate of rows that have all words of a query in their text. */
export function matcher(query) {
  const terms = query.toLowerCase().split(/\s+/).filter(Boolean);
  return ({text}) => terms.every((term) => text.includes(term));
}

/** Returns what the server has at a path, null when there is no such thing. */
export async function get(path) {
  const response = await fetch(path, {cache: 'no-store', signal: AbortSignal.timeout(30_000)});
  if (response.status === 404) return null;
  if (!response.ok) throw new Error((await response.text()).trim());
  return response.json();
}
