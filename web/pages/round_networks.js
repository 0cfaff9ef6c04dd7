// Networks of annotation rounds: let them propose, and train them on what was chosen.

import { send } from "../modules/api.js";
import { byId, fill, make } from "../modules/dom.js";
import { attempt, say } from "../modules/frame.js";
import { infectionModels, listNetworkJobs, offerModels, train } from "../modules/network_jobs.js";

const round = () => byId("network-round", HTMLSelectElement);

/** The networks that may propose, one box each. */
async function offerProposers() {
  const place = byId("propose-models", HTMLElement);
  const checked = chosenModels();
  fill(place, ...(await infectionModels()).map(({ name }, index) => make("label", {},
    make("input", { type: "checkbox", value: name, checked: checked.length > 0 ? checked.includes(name) : index === 0 }), ` ${name}`)));
}

function chosenModels() {
  return [...byId("propose-models", HTMLElement).querySelectorAll("input")].filter(({ checked }) => checked).map(({ value }) => value);
}

function propose() {
  return attempt(async () => {
    const models = chosenModels();
    if (models.length === 0) throw new Error("tick at least one network that proposes");
    await send("POST", `/rounds/${encodeURIComponent(round().value)}/proposals`, {
      stage: Number(byId("propose-stage", HTMLSelectElement).value), models,
      restart: byId("propose-restart", HTMLInputElement).checked,
    });
    say(`proposals for '${round().value}' stand in the queue`);
  });
}

/**
 * @param {() => Promise<void>} onChange a round has changed
 * @returns {(rounds: string[]) => void} takes the names of the rounds that there are
 */
export function networksOfRounds(onChange) {
  byId("propose", HTMLButtonElement).onclick = propose;
  byId("train", HTMLButtonElement).onclick = () => train({
    round: round().value, model: byId("train-model", HTMLSelectElement).value, epochs: Number(byId("train-epochs", HTMLInputElement).value),
  });
  const offer = async () => {
    await offerModels(byId("train-model", HTMLSelectElement));
    await offerProposers();
  };
  attempt(async () => {
    await offer();
    await listNetworkJobs(byId("network-jobs", HTMLElement), (job) => attempt(async () => {
      const whose = job.round ?? "corrected studies";
      if (job.state === "failed") say(`error: ${job.error?.error ?? "the job failed"}`, "wrong");
      else say(job.kind === "train" ? `training ${job.run} is ${job.state}` : `proposals for '${whose}': ${job.state}`);
      await offer();
      await onChange();
    }));
  });
  return (rounds) => {
    const chosen = round().value;
    byId("networks", HTMLElement).hidden = rounds.length === 0;
    fill(round(), ...rounds.map((name) => make("option", { value: name }, name)));
    if (rounds.includes(chosen)) round().value = chosen;
  };
}
