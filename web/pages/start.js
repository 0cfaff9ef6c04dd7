// The first page: adds studies and lists them.

import { finished, getJson, jobFileUrl, send } from "../modules/api.js";
import { follow } from "../modules/connection.js";
import { bytesText, byId, download, fill, make, timeText } from "../modules/dom.js";
import { attempt, footer, frame, say } from "../modules/frame.js";
import { jobWord } from "../modules/job_words.js";
import { listNetworkJobs, offerModels, train } from "../modules/network_jobs.js";
import { fetchFromPacs, offerDestinations } from "../modules/pacs.js";
import { thumbnail } from "../modules/study_image.js";
import { checkParts, chosenParts, droppedParts, upload } from "../modules/upload.js";

/** @typedef {import("../modules/api.js").Study} Study */
/** @typedef {import("../modules/api.js").Job} Job */
/** @typedef {import("../modules/upload.js").Part} Part */

/** @type {Map<string, Study>} */
const studies = new Map();
/** @type {Map<string, Job>} study to the job that runs on it */
const jobs = new Map();
/** @type {Record<string, number>} */
let limits = { files: Infinity, upload_bytes: Infinity };

/** @param {string} study */
const pageOf = (study) => `/study.html?study=${encodeURIComponent(study)}`;

/**
 * Segments a study as soon as it is imported, and opens it.
 * @param {string} study
 * @param {number | null} importJob
 */
async function segmentAndOpen(study, importJob) {
  if (importJob !== null) await finished(importJob, (job) => say(`importing: ${job.what}`, "working"));
  await send("POST", `/studies/${encodeURIComponent(study)}/jobs`, { kind: "predict" });
  location.href = pageOf(study);
}

/** @param {Part[]} parts */
function add(parts) {
  const bar = byId("upload", HTMLProgressElement);
  return attempt(async () => {
    checkParts(parts, limits);
    bar.hidden = false;
    say(`uploading ${parts.length} files`, "working");
    const { study, job } = await upload(parts, byId("study-name", HTMLInputElement).value.trim(), (sent, of) => {
      bar.max = of;
      bar.value = sent;
      say(`uploaded ${bytesText(sent)} of ${bytesText(of)}`, "working");
    });
    await segmentAndOpen(study.id, job.id);
  }).finally(() => {
    bar.hidden = true;
  });
}

/** @param {"ct"|"dicom"|"xray"} kind */
function tryPhantom(kind) {
  return attempt(async () => {
    say("making a synthetic study", "working");
    /** @type {Study} */
    const study = await send("POST", "/phantom", { kind });
    const running = /** @type {Job[]} */ (await getJson(`/jobs?study=${encodeURIComponent(study.id)}`));
    await segmentAndOpen(study.id, running.find((job) => job.kind === "import")?.id ?? null);
  });
}

/** @param {Study} study */
function stateText(study) {
  const job = jobs.get(study.id);
  if (job && (job.state === "running" || job.state === "queued")) {
    const share = job.total > 0 ? ` ${Math.round((100 * job.done) / job.total)} %` : "";
    return `${jobWord(job.kind)}: ${job.state}${share}`;
  }
  if (study.state === "failed") return `failed: ${study.problem ?? ""}`;
  if (study.state !== "ready") return study.state;
  const versions = study.images.reduce((sum, image) => sum + image.versions, 0);
  const images = study.images.length === 1 ? study.images[0].modality : `${study.images.length} images`;
  return `${images}, ${versions === 0 ? "not segmented" : `${versions} mask${versions === 1 ? "" : "s"}`}`;
}

/** @param {Study} study */
function card(study) {
  const first = study.images[0];
  return make("li", { className: "card" },
    first ? make("img", { className: "thumb", src: thumbnail(study.id, first.id), alt: "", loading: "lazy" })
      : make("span", { className: "thumb" }),
    make("div", {},
      make("strong", {}, study.state === "ready" ? make("a", { href: pageOf(study.id) }, study.name) : study.name),
      make("div", { className: "hint" }, stateText(study)),
      make("div", { className: "hint" }, study.files === 0 ? timeText(study.created)
        : `${timeText(study.created)}, ${study.files} file${study.files === 1 ? "" : "s"}, ${bytesText(study.bytes)}`)),
    make("div", { className: "actions" },
      study.state === "ready" && study.images.some(({ problem }) => problem === null) && make("button", {
        type: "button", "aria-label": `Compare ${study.name}`,
        onclick: () => { location.href = `/compare.html?a=${encodeURIComponent(study.id)}`; },
      }, "Compare"),
      make("button", { type: "button", "aria-label": `Rename ${study.name}`, onclick: () => rename(study) }, "Rename"),
      make("button", { type: "button", "aria-label": `Delete ${study.name}`, onclick: () => remove(study) }, "Delete")));
}

/** @param {Study} study */
function rename(study) {
  const name = prompt("New name of the study (not the patient's):", study.name)?.trim();
  if (!name) return;
  attempt(async () => {
    const changed = await send("PATCH", `/studies/${encodeURIComponent(study.id)}`, { name });
    studies.set(changed.id, changed);
    show();
  });
}

/** @param {Study} study */
function remove(study) {
  if (!confirm(`Delete '${study.name}' with its masks and corrections? This cannot be undone.`)) return;
  attempt(async () => {
    await send("DELETE", `/studies/${encodeURIComponent(study.id)}`);
    studies.delete(study.id);
    say(`deleted '${study.name}'`);
    show();
  });
}

function show() {
  const all = [...studies.values()].sort((a, b) => b.created.localeCompare(a.created));
  const segmented = all.some((study) => study.images.some((image) => image.versions > 0));
  byId("all-studies", HTMLElement).hidden = !segmented;
  byId("learn", HTMLElement).hidden = !segmented;
  fill(byId("studies", HTMLElement), all.length === 0
    ? make("p", { className: "hint" }, "There are no studies yet.")
    : make("ul", { className: "cards" }, ...all.map(card)));
}

function exportAll() {
  return attempt(async () => {
    /** @type {Job} */
    const job = await send("POST", "/exports", { studies: [] });
    say("writing the training set", "working");
    const done = await finished(job.id);
    say(`the training set is ${done.file}`);
    download(jobFileUrl(done.id), done.file ?? "training_set.zip");
  });
}

function listen() {
  const drop = byId("drop", HTMLElement);
  const files = byId("files", HTMLInputElement);
  const folder = byId("folder", HTMLInputElement);
  byId("choose-files", HTMLButtonElement).onclick = () => files.click();
  byId("choose-folder", HTMLButtonElement).onclick = () => folder.click();
  files.onchange = () => files.files && add(chosenParts(files.files));
  folder.onchange = () => folder.files && add(chosenParts(folder.files));
  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  document.addEventListener("dragleave", () => drop.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer) droppedParts(event.dataTransfer).then(add);
  });
  byId("try-ct", HTMLButtonElement).onclick = () => tryPhantom("ct");
  byId("try-dicom", HTMLButtonElement).onclick = () => tryPhantom("dicom");
  byId("try-xray", HTMLButtonElement).onclick = () => tryPhantom("xray");
  byId("training-set", HTMLButtonElement).onclick = exportAll;
  byId("fetch-form", HTMLFormElement).onsubmit = (event) => {
    event.preventDefault();
    attempt(async () => segmentAndOpen(await fetchFromPacs({
      from: byId("fetch-from", HTMLSelectElement).value, study_uid: byId("fetch-uid", HTMLInputElement).value.trim() || null,
      accession: byId("fetch-accession", HTMLInputElement).value.trim() || null,
    }), null));
  };
  byId("train", HTMLButtonElement).onclick = () => train({
    studies: [], model: byId("train-model", HTMLSelectElement).value, epochs: Number(byId("train-epochs", HTMLInputElement).value),
  });
  byId("learn", HTMLElement).addEventListener("toggle", () => attempt(async () => {
    await offerModels(byId("train-model", HTMLSelectElement));
    await listNetworkJobs(byId("network-jobs", HTMLElement));
  }), { once: true });
}

frame("start");
listen();
attempt(async () => {
  const read = async () => {
    studies.clear();
    for (const study of /** @type {Study[]} */ (await getJson("/studies"))) studies.set(study.id, study);
    show();
  };
  await read();
  await offerDestinations(byId("fetch-from", HTMLSelectElement), byId("fetch-section", HTMLElement));
  limits = (await footer()).limits;
  byId("limits", HTMLElement).textContent = `At most ${bytesText(limits.upload_bytes)} and ${limits.files.toLocaleString("en")} files.`;
  follow({
    study: (study) => { studies.set(study.id, study); show(); },
    gone: ({ id }) => { studies.delete(id); show(); },
    job: (job) => { if (job.study) { jobs.set(job.study, job); show(); } },
  }, { again: () => attempt(read) });
});
