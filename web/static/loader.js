// SPDX-License-Identifier: Apache-2.0
// How views load what the server has, again and again.

/** Calls a function that loads something: one call at a time, with a pause after each. */
export class Loader {
  #load;
  #pause;
  #loading = false;
  #again = false;
  closed = false; // while it is, nothing is loaded

  /** The pause is in milliseconds. */
  constructor(load, pause) {
    this.#load = load;
    this.#pause = pause;
  }

  /** Loads, and once more afterwards if that is called meanwhile. */
  async update() {
    this.#again = true;
    if (this.#loading) return;
    this.#loading = true;
    while (this.#again && !this.closed) {
      this.#again = false;
      await this.#load();
      await new Promise((resolve) => setTimeout(resolve, this.#pause));
    }
    this.#loading = false;
  }
}
