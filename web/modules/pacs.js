// The PACS of the site that the server was started with.

import { finished, getJson, send } from "./api.js";
import { fill, make } from "./dom.js";
import { say } from "./frame.js";

/**
 * @param {HTMLSelectElement} select
 * @param {HTMLElement} row shown where there is a destination
 */
export async function offerDestinations(select, row) {
  /** @type {{name: string, kind: string}[]} */
  const destinations = await getJson("/destinations");
  row.hidden = destinations.length === 0;
  fill(select, ...destinations.map(({ name }) => make("option", { value: name }, name)));
}

/** @param {{study: string, image: number, version: number, to: string}} what */
export async function sendToPacs({ study, ...order }) {
  const job = await send("POST", `/studies/${encodeURIComponent(study)}/send`, order);
  say(`sending to ${order.to}`, "working");
  const done = await finished(job.id);
  say(done.notes.at(-1) ?? `sent to ${order.to}`);
}

/**
 * @param {{from: string, study_uid: string | null, accession: string | null}} order
 * @returns {Promise<string>} the study, once it is imported
 */
export async function fetchFromPacs(order) {
  const job = await send("POST", "/fetches", order);
  say(`fetching from ${order.from}`, "working");
  const { study } = await finished(job.id);
  return study ?? job.study;
}
