// Trainings and proposals: beginning them, and the list of those that stand in the queue.

import { getJson, send } from "./api.js";
import { follow } from "./connection.js";
import { durationText, fill, make } from "./dom.js";
import { attempt, say } from "./frame.js";

/** @typedef {import("./api.js").Job} Job */
/** @typedef {import("./api.js").Model} Model */

const words = { train: "training", propose: "proposals" };

/** Models that find infection, by name. @returns {Promise<Model[]>} */
export async function infectionModels() {
  return (await getJson("/models")).filter((/** @type {Model} */ { name }) => !name.includes("lungs"));
}

/**
 * A choice of the model to begin with; the program's own default first.
 * @param {HTMLSelectElement} select
 */
export async function offerModels(select) {
  const models = await infectionModels();
  fill(select, make("option", { value: "" }, "the default model"),
    ...models.map(({ name }) => make("option", { value: name }, name)));
}

/** @param {Job} job */
function stateText(job) {
  if (job.state === "failed") return `failed: ${job.error?.error ?? ""}`;
  if (job.state !== "running") return job.state;
  const left = job.eta_s === null ? "" : `, ${durationText(job.eta_s)} left`;
  return job.total > 0 ? `${job.what} ${job.done} of ${job.total}${left}` : "running";
}

/**
 * Lists trainings and proposals, the newest first, and keeps the list up to date.
 * @param {HTMLElement} place
 * @param {(job: Job) => void} [onEnd] a job of the list has ended
 */
export async function listNetworkJobs(place, onEnd) {
  /** @type {Map<number, Job>} */
  const jobs = new Map();
  const show = () => {
    const all = [...jobs.values()].sort((a, b) => b.id - a.id).slice(0, 8);
    fill(place, all.length > 0 && make("table", { className: "network-jobs" },
      make("thead", {}, make("tr", {}, ...["Job", "For", "State", ""].map((text) => make("th", { scope: "col" }, text)))),
      make("tbody", {}, ...all.map(row))));
  };
  const row = (/** @type {Job} */ job) => make("tr", {},
    make("td", {}, job.run ? make("a", { href: `/runs.html?run=${encodeURIComponent(job.run)}` }, `training ${job.run}`) : words.propose),
    make("td", {}, job.round ?? "corrected studies"),
    make("td", {}, stateText(job)),
    make("td", {}, ["queued", "running"].includes(job.state) && make("button", {
      type: "button", "aria-label": `Cancel job ${job.id}`, onclick: () => attempt(() => send("DELETE", `/jobs/${job.id}`)),
    }, "Cancel")));
  const take = (/** @type {Job} */ job) => {
    if (!(job.kind in words)) return;
    const ended = ["done", "failed", "cancelled"].includes(job.state) && jobs.get(job.id)?.state !== job.state;
    jobs.set(job.id, job);
    show();
    if (ended) onEnd?.(job);
  };
  const read = async () => {
    for (const job of /** @type {Job[]} */ (await getJson("/jobs"))) if (job.kind in words) jobs.set(job.id, job);
    show();
  };
  await read();
  follow({ job: take }, { again: () => attempt(read) });
}

/**
 * Begins a training and says so.
 * @param {{round?: string, studies?: string[], model: string, epochs: number}} order
 */
export function train({ model, ...order }) {
  return attempt(async () => {
    /** @type {Job} */
    const job = await send("POST", "/trainings", { ...order, model: model || null });
    say(`training ${job.run} stands in the queue`);
  });
}
