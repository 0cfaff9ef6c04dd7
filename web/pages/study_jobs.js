// Jobs of the study: their progress, and what they made.

import { getJson, send } from "../modules/api.js";
import { byId, durationText } from "../modules/dom.js";
import { attempt, say } from "../modules/frame.js";
import { jobWord } from "../modules/job_words.js";
import { readLabels } from "../modules/study_image.js";
import { showMask } from "./study_layers.js";
import { openGradCam, openStudy, openVersion } from "./study_open.js";
import { state, studyId, thePath } from "./study_state.js";

/** Masks of a running job may be large: they are not asked for at every slice. */
let partialAgainAt = 0;

/** The job whose mask was put on the screen while it went on. @type {number | null} */
let shownJob = null;

/**
 * Shows a job of this study, and what it made when it is done.
 * @param {import("../modules/api.js").Job} job
 */
export async function onJob(job) {
  if (job.study !== studyId) return;
  const running = job.state === "running" || job.state === "queued";
  byId("job", HTMLElement).hidden = !running;
  const left = job.eta_s === null ? "" : `, ${durationText(job.eta_s)} left`;
  byId("job-text", HTMLElement).textContent = `${jobWord(job.kind)}: ${job.state} ${job.what}${left}`;
  const bar = byId("job-progress", HTMLProgressElement);
  if (job.total > 0) [bar.max, bar.value] = [job.total, job.done];
  else bar.removeAttribute("value");
  byId("job-cancel", HTMLButtonElement).onclick = () => attempt(() => send("DELETE", `/jobs/${job.id}`));
  byId("segment", HTMLButtonElement).disabled = running && job.kind === "predict";
  if (job.state === "cancelled") say(`${jobWord(job.kind)}: cancelled`);
  if (job.state === "failed") say(`error: ${job.error?.error ?? `${jobWord(job.kind)} failed`}`, "wrong");
  // The whole mask is there before its lesions are known.
  const own = running && job.kind === "predict" && job.image === state.image?.id && job.version !== null;
  if (own && job.id !== shownJob && !state.desk?.editor && !state.detail) {
    shownJob = job.id;
    await attempt(async () => {
      state.versions = await getJson(`${thePath()}/versions`);
      await openVersion(job.version);
      say("");
    });
  }
  if (job.partial && job.partial.image === state.image?.id && running) await attempt(() => showPartial(job));
  if (job.state !== "done" || !state.image) return;
  if (job.kind === "import") await attempt(openStudy);
  if (job.kind === "explain" && job.image === state.image.id && job.version === state.detail?.version) {
    await attempt(async () => {
      await openGradCam({ show: true });
      say("");
    });
  }
  if (job.kind === "predict") {
    await attempt(async () => {
      state.versions = await getJson(`${thePath()}/versions`);
      if (state.desk?.editor) say("a new version is there; it is in the list when you have saved or discarded");
      else if (shownJob !== job.id) {
        say("");
        await openVersion(state.versions.at(-1)?.version ?? null);
      }
    });
  }
}

/**
 * The slices that are segmented so far.
 * @param {import("../modules/api.js").Job} job
 */
async function showPartial(job) {
  if (!job.partial || !state.image || !state.viewer || state.detail || performance.now() < partialAgainAt) return;
  partialAgainAt = performance.now() + 1500;
  const response = await fetch(job.partial.url);
  if (!response.ok) return;
  const labels = await readLabels(state.image, await response.arrayBuffer());
  if (labels.length !== state.viewer.scene.volume.data.length || state.detail) return;
  state.mask = labels;
  showMask();
  byId("amount-note", HTMLElement).textContent = `so far: ${job.partial.slices} of ${job.total} slices`;
}

/** @param {"predict"|"explain"|"report"} kind */
export function startJob(kind) {
  return attempt(async () => {
    const version = state.detail?.version;
    const model = byId("model", HTMLSelectElement).value;
    const job = await send("POST", `/studies/${encodeURIComponent(studyId)}/jobs`, {
      kind, ...(kind === "predict" && model ? { model } : {}),
      ...(kind === "explain" ? {
        image: state.image?.id, version, voxel: state.image?.kind === "volume" ? state.viewer?.scene.cross : null,
      } : {}),
    });
    say(`${jobWord(kind)}: queued`, "working");
    await onJob(job);
  });
}
