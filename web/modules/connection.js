// The server's events, and what the page says and does while the server is gone.

import { getJson, Refusal, withQuery } from "./api.js";
import { say } from "./frame.js";

const againAfterMs = 1500;

/** @typedef {Record<string, (data: any) => void>} Handlers by event: job, study, gone, lock */

/**
 * One stream of events, which begins anew when it ends.
 */
class Stream {
  /** @param {string | undefined} study */
  constructor(study) {
    this.study = study;
    /** @type {Handlers[]} */
    this.handlers = [];
    /** @type {(() => unknown)[]} */
    this.again = [];
    this.lost = false;
    /** @type {Set<string>} */
    this.heard = new Set();
    this.open();
  }

  open() {
    this.heard.clear();
    this.source = new EventSource(withQuery("/api/v1/events", { study: this.study }));
    this.source.addEventListener("hello", () => this.back());
    this.source.onerror = () => this.gone();
    for (const handlers of this.handlers) this.hear(handlers);
  }

  /** @param {Handlers} handlers */
  hear(handlers) {
    for (const name of Object.keys(handlers)) {
      if (this.heard.has(name)) continue;
      this.heard.add(name);
      this.source?.addEventListener(name, (event) => {
        const data = JSON.parse(/** @type {MessageEvent} */ (event).data);
        for (const all of this.handlers) all[name]?.(data);
      });
    }
  }

  async gone() {
    this.lost = true;
    document.body.dataset.server = "gone";
    this.source?.close();
    try {
      await getJson("/version");
    } catch (problem) {
      const anew = problem instanceof Refusal && problem.status === 401;
      say(anew ? "the server was started anew: open the address that it printed in this browser; this page then goes on with what is drawn in it"
        : "the server does not answer; start 'groundglass serve' again. What is drawn in this page stays in it", "wrong");
    }
    setTimeout(() => this.open(), againAfterMs);
  }

  back() {
    if (!this.lost) return;
    this.lost = false;
    delete document.body.dataset.server;
    say("the server is back");
    for (const run of this.again) run();
  }
}

/** @type {Map<string, Stream>} a browser keeps few connections to a server: each page has one stream */
const streams = new Map();

/**
 * Follows the server's events. While the server is gone, the page says so and tries again.
 * @param {Handlers} handlers
 * @param {{study?: string, again?: () => unknown}} [options] `again` is called when the server is
 *   back: events were missed, and it has forgotten who works on which case
 */
export function follow(handlers, { study, again } = {}) {
  const stream = streams.get(study ?? "") ?? new Stream(study);
  streams.set(study ?? "", stream);
  stream.handlers.push(handlers);
  stream.hear(handlers);
  if (again) stream.again.push(again);
}
