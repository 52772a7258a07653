// SPDX-License-Identifier: Apache-2.0
// A list of any length, of which only the rows in sight are in the document.

import {el, setText} from './dom.js';
import {updateAges} from './format.js';

const rowHeight = 36;
const overscan = 6; // rows above and below those in sight
const settleAfter = 150; // milliseconds
let lists = 0;

/**
 * A grid whose rows are opened by Enter or a click. It has the focus itself and names its active row, which stays known
 * while that is scrolled out of sight.
 *
 * columns: [{name, class, cell(item) → string or element}], of which the one with link: true leads to href(item).
 */
export class List {
  items = [];
  #options;
  #active = null; // key
  #slots = []; // rows of the document, that of index i at i modulo their number
  #top = 0; // how far it was scrolled, for when it comes back into the document
  #scheduled = false;
  #id = 'list-' + lists++;

  constructor(options) {
    this.#options = options;
    this.sizer = el('div', {class: 'sizer', role: 'presentation'});
    this.viewport = el('div', {class: 'viewport', role: 'rowgroup', tabindex: '-1', onscroll: () => this.#scrolled()}, this.sizer);
    this.viewport.addEventListener('click', (event) => this.#click(event));
    this.empty = el('p', {class: 'empty'});
    this.grid = el('div', {
      class: 'grid', role: 'grid', tabindex: '0', 'aria-label': options.label, 'aria-readonly': 'true',
      'aria-colcount': options.columns.length, onkeydown: (event) => this.#key(event),
    }, this.#head(), this.viewport);
    this.root = el('div', {class: 'list ' + options.class}, this.grid, this.empty);
    new ResizeObserver(() => this.#resize()).observe(this.viewport);
  }

  #head() {
    const cells = this.#options.columns.map((column) => el('div', {role: 'columnheader', class: column.class, text: column.name}));
    return el('div', {role: 'rowgroup'}, el('div', {role: 'row', class: 'row head', 'aria-rowindex': '1'}, cells));
  }

  /** Shows other items; those that are the same objects as before are not drawn again. */
  setItems(items, whyEmpty = '') {
    this.items = items;
    this.grid.setAttribute('aria-rowcount', items.length + 1);
    this.sizer.style.height = items.length * rowHeight + 'px';
    setText(this.empty, items.length ? '' : whyEmpty);
    this.#schedule();
  }

  focus() {
    if (this.#index() < 0 && this.items.length) this.#activate(0);
    this.grid.focus({preventScroll: true});
    this.#schedule();
  }

  updateAges() {
    updateAges(this.sizer);
  }

  #scrolled() {
    if (this.viewport.isConnected) this.#top = this.viewport.scrollTop;
    this.#schedule();
  }

  #resize() {
    if (!this.viewport.clientHeight) return;
    if (!this.viewport.scrollTop) this.viewport.scrollTop = this.#top;
    const wanted = Math.ceil(this.viewport.clientHeight / rowHeight) + 2 * overscan;
    while (this.#slots.length < wanted) this.#slots.push(this.#newSlot());
    for (const slot of this.#slots.splice(wanted)) slot.row.remove();
    for (const slot of this.#slots) slot.index = -1;
    this.#paint();
  }

  #newSlot() {
    const cells = this.#options.columns.map((column) => el('div', {role: 'gridcell', class: column.class}));
    const row = el('div', {role: 'row', class: 'row'}, cells);
    return {row, cells, index: -1, item: null};
  }

  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#paint();
    });
  }

  #paint() {
    const visible = this.#slots.length;
    const first = Math.max(0, Math.min(Math.floor(this.viewport.scrollTop / rowHeight) - overscan, this.items.length - visible));
    for (let index = first; index < first + visible; index++) this.#place(this.#slots[index % visible], index);
    this.#markActive();
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.#settle(), settleAfter);
  }

  #place(slot, index) {
    const item = this.items[index];
    if (!item) {
      slot.row.remove();
      Object.assign(slot, {index: -1, item: null});
      return;
    }
    if (slot.index !== index) {
      slot.index = index;
      slot.row.style.transform = 'translateY(' + index * rowHeight + 'px)';
      slot.row.setAttribute('aria-rowindex', index + 2);
      slot.row.id = this.#id + '-' + index;
    }
    if (slot.item !== item) this.#fill(slot, item);
    if (!slot.row.isConnected) this.sizer.append(slot.row);
  }

  #fill(slot, item) {
    slot.item = item;
    this.#options.columns.forEach((column, i) => {
      const content = column.cell(item);
      slot.cells[i].replaceChildren(column.link ? el('a', {href: this.#options.href(item), tabindex: '-1'}, content) : content);
    });
  }

  /** Puts the rows into the order in which they are read, once scrolling has ended. */
  #settle() {
    if (this.viewport.contains(document.activeElement) && document.activeElement !== this.viewport) return;
    const rows = this.#slots.filter((slot) => slot.item).sort((a, b) => a.index - b.index).map((slot) => slot.row);
    if (rows.some((row, i) => this.sizer.children[i] !== row)) this.sizer.replaceChildren(...rows);
  }

  #markActive() {
    let id = null;
    for (const slot of this.#slots) {
      const active = slot.item !== null && slot.item.key === this.#active;
      slot.row.setAttribute('aria-selected', active);
      if (active) id = slot.row.id;
    }
    if (id) this.grid.setAttribute('aria-activedescendant', id);
    else this.grid.removeAttribute('aria-activedescendant');
  }

  #index() {
    return this.items.findIndex((item) => item.key === this.#active);
  }

  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || !this.items.length) return;
    const page = Math.max(1, Math.floor(this.viewport.clientHeight / rowHeight) - 1);
    const at = this.#index();
    const moves = {
      ArrowDown: at + 1, ArrowUp: Math.max(at, 1) - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: this.items.length - 1,
    };
    if (event.key in moves) this.#activate(Math.max(0, Math.min(moves[event.key], this.items.length - 1)));
    else if (event.key === 'Enter' && at >= 0) this.#open(this.items[at]);
    else return;
    event.preventDefault();
  }

  #activate(index) {
    this.#active = this.items[index].key;
    const top = index * rowHeight;
    const {scrollTop, clientHeight} = this.viewport;
    if (top < scrollTop) this.viewport.scrollTop = top;
    else if (top + rowHeight > scrollTop + clientHeight) this.viewport.scrollTop = top + rowHeight - clientHeight;
    this.#paint();
  }

  #click(event) {
    const row = event.target.closest('.row');
    const slot = this.#slots.find((candidate) => candidate.row === row);
    if (!slot?.item) return;
    this.#active = slot.item.key;
    this.#markActive();
    this.grid.focus({preventScroll: true});
    if (!event.target.closest('a') && getSelection().isCollapsed) this.#open(slot.item);
  }

  #open(item) {
    location.hash = this.#options.href(item);
  }
}
