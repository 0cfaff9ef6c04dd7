// The server's interface (groundglass/serve/openapi.json).

const base = "/api/v1";

/** @typedef {{id: number, kind: "volume"|"picture", name: string, modality: string, size: number[],
 *   spacing_mm: number[] | null, dicom: boolean, window_hu: [number, number] | null, own_window: [number, number] | null,
 *   warnings: string[], versions: number, problem: string | null}} Image */
/** @typedef {{id: string, name: string, created: string, state: "uploading"|"importing"|"ready"|"failed",
 *   problem: string | null, files: number, bytes: number, left_out: string[], images: Image[],
 *   identity: Record<string, string> | null}} Study */
/** @typedef {{version: number, kind: "network"|"correction", state: "ready"|"measuring"|"failed",
 *   problem: string | null, author: string, reason: string, time: string, parent: number | null,
 *   has: string[]}} ImageVersion */
/** @typedef {{id: number, label: number, name: string, voxels: number, ml: number | null,
 *   centre_mm: number[] | null, point_voxel: number[]}} Lesion */
/** @typedef {{name: string, caution: string, threshold: number | null,
 *   calibrated_threshold: number | null, classes: string[]}} VersionModel */
/** @typedef {ImageVersion & {model: VersionModel | null, measures: Record<string, any> | null,
 *   warnings: string[], gradcam_slices: number[], lesions: Lesion[], lesions_total: number, voxel_ml: number | null,
 *   note: string}} VersionDetail */
/** @typedef {{id: number, kind: string, state: "queued"|"running"|"done"|"failed"|"cancelled",
 *   study: string | null, image: number | null, version: number | null, what: string, done: number,
 *   total: number, eta_s: number | null, notes: string[], error: {error: string} | null,
 *   run: string | null, round: string | null, file: string | null, partial: {image: number, url: string, slices: number} | null}} Job */
/** @typedef {{name: string, modality: string, caution: string, bundled: boolean}} Model */
/** @typedef {{name: string, version: string, commit: string, note: string, workspace: string,
 *   limits: Record<string, number>}} Version */
/** @typedef {{name: string, kind: string, model: string, state: string, epoch: number, epochs: number,
 *   eta_s: number | null, best: number | null, changed: string, problem: string | null}} Run */
/** @typedef {{cases: number, best_epoch: number | null, threshold: number | null, dice: number | null,
 *   iou: number | null, precision: number | null, sensitivity: number | null}} TestScores */
/** @typedef {Run & {fold: number, test: TestScores | null}} Fold */
/** @typedef {Run & {curves: Record<string, number | null>[], notes: string, warnings: string[],
 *   summary: Record<string, any> | null, files: string[], test: TestScores | null, folds: Fold[],
 *   worst: {name: string, dice: number, missed: number, added: number, infected: number}[]}} RunDetail */
/** @typedef {{name: string, cases: number, rounds: number, stage: number | null, open: boolean}} Round */
/** @typedef {Round & {with_manual: number, chosen_or_drawn: number, rejected_and_not_drawn: number,
 *   waiting: number, annotators: {name: string, choices: number, rejected: number, drawn: number,
 *   median_seconds: number | null}[], agreement: Record<string, any> | null,
 *   locks: {case: number, annotator: string, until: string}[]}} RoundDetail */
/** @typedef {{id: number, name: string, done: boolean, locked_by: string | null, disagreement: number,
 *   entropy_bits: number | null}} CaseSummary */
/** @typedef {{id: number, round: number, stage: number, name: string, height: number, width: number,
 *   letters: string[], locked_by: string | null, until: string | null,
 *   choice: Record<string, any> | null, left: number}} Case */

/** What the server refused, in its own words. */
export class Refusal extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/**
 * @param {string} path below /api/v1
 * @param {RequestInit} [options]
 * @returns {Promise<Response>}
 * @throws {Refusal}
 */
async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(base + path, { credentials: "same-origin", ...options });
  } catch {
    throw new Refusal(0, "the server does not answer; start 'groundglass serve' again");
  }
  if (response.ok) return response;
  let message = `the server answered ${response.status} to ${path}`;
  try {
    message = (await response.json()).error ?? message;
  } catch {
    // The answer is not JSON; the number has to do.
  }
  if (response.status === 401) message = "open the address that 'groundglass serve' printed; it holds the token";
  throw new Refusal(response.status, message);
}

/**
 * @param {string} path
 * @returns {Promise<any>}
 */
export async function getJson(path) {
  return (await ask(path)).json();
}

/**
 * @param {string} path
 * @returns {Promise<ArrayBuffer>}
 */
export async function getBytes(path) {
  return (await ask(path)).arrayBuffer();
}

/**
 * A part of a file, and how large it is as a whole.
 * @param {string} path
 * @param {number} begin
 * @param {number} end one after the last byte
 * @returns {Promise<{bytes: ArrayBuffer, size: number}>}
 */
export async function getPart(path, begin, end) {
  const response = await ask(path, { headers: { Range: `bytes=${begin}-${end - 1}` } });
  const size = Number(response.headers.get("Content-Range")?.split("/")[1] ?? 0);
  return { bytes: await response.arrayBuffer(), size };
}

/**
 * @param {string} path
 * @returns {Promise<{bytes: ArrayBuffer, parent: number | null} | null>} null where there is none
 */
export async function getDraft(path) {
  try {
    const response = await ask(path);
    const parent = response.headers.get("Groundglass-Parent");
    return { bytes: await response.arrayBuffer(), parent: parent ? Number(parent) : null };
  } catch (problem) {
    if (problem instanceof Refusal && problem.status === 404) return null;
    throw problem;
  }
}

/**
 * Sends JSON and reads JSON (null where the answer is empty).
 * @param {"POST"|"PUT"|"PATCH"|"DELETE"} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>}
 */
export async function send(method, path, body) {
  const response = await ask(path, {
    method,
    ...(body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
  });
  return response.status === 204 ? null : response.json();
}

/**
 * Sends a file.
 * @param {"POST"|"PUT"} method
 * @param {string} path
 * @param {Blob} file
 * @param {string} [type]
 * @returns {Promise<any>}
 */
export async function sendFile(method, path, file, type = "application/octet-stream") {
  const response = await ask(path, { method, headers: { "Content-Type": type }, body: file });
  return response.status === 204 ? null : response.json();
}

/**
 * Path of an address with its query; undefined and null values are left out.
 * @param {string} path
 * @param {Record<string, string | number | null | undefined>} values
 */
export function withQuery(path, values) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && value !== null) query.set(name, String(value));
  }
  return `${path}?${query}`;
}

/**
 * @param {number} job
 * @returns {string} where the browser can download what the job made
 */
export function jobFileUrl(job) {
  return `${base}/jobs/${job}/file`;
}

/**
 * @param {string} path below /api/v1, of a picture that <img> shows
 */
export function addressOf(path) {
  return base + path;
}

/**
 * Waits until a job has ended, asking now and then (events may be cut off).
 * @param {number} id
 * @param {(job: Job) => void} [onProgress]
 * @returns {Promise<Job>}
 * @throws {Refusal} where the job failed or was cancelled
 */
export async function finished(id, onProgress) {
  for (let wait = 150; ; wait = Math.min(1000, wait * 1.5)) {
    /** @type {Job} */
    const job = await getJson(`/jobs/${id}`);
    onProgress?.(job);
    if (job.state === "done") return job;
    if (job.state === "failed") throw new Refusal(422, job.error?.error ?? `the ${job.kind} job failed`);
    if (job.state === "cancelled") throw new Refusal(409, `the ${job.kind} job was cancelled`);
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}
