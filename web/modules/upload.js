// Files of a study on their way to the server.

import { send, sendFile, withQuery } from "./api.js";

/** @typedef {{path: string, file: File}} Part */

/**
 * Files of a drop, folders walked through.
 * @param {DataTransfer} transfer
 * @returns {Promise<Part[]>}
 */
export async function droppedParts(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry !== null);
  /** @type {Part[]} */
  const parts = [];
  for (const entry of entries) if (entry) await walkEntry(entry, "", parts);
  return parts;
}

/**
 * @param {FileSystemEntry} entry
 * @param {string} folder
 * @param {Part[]} parts
 */
async function walkEntry(entry, folder, parts) {
  if (entry.isFile) {
    const file = await new Promise((/** @type {(file: File) => void} */ resolve, reject) =>
      /** @type {FileSystemFileEntry} */ (entry).file(resolve, reject));
    parts.push({ path: folder + file.name, file });
    return;
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  for (;;) {
    // A reader hands out at most a hundred entries at a time.
    const some = await new Promise((/** @type {(entries: FileSystemEntry[]) => void} */ resolve, reject) =>
      reader.readEntries(resolve, reject));
    if (some.length === 0) return;
    for (const child of some) await walkEntry(child, `${folder}${entry.name}/`, parts);
  }
}

/**
 * @param {FileList} files of an <input>
 * @returns {Part[]}
 */
export function chosenParts(files) {
  return [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

/**
 * Refuses what the server would refuse, before anything is sent.
 * @param {Part[]} parts
 * @param {Record<string, number>} limits
 * @throws {Error} of one line
 */
export function checkParts(parts, limits) {
  if (parts.length === 0) throw new Error("nothing to upload: the folder holds no files");
  if (parts.length > limits.files) throw new Error(`${parts.length} files; a study may have ${limits.files}`);
  const bytes = parts.reduce((sum, { file }) => sum + file.size, 0);
  if (bytes > limits.upload_bytes) throw new Error(`${bytes} bytes; a study may have ${limits.upload_bytes}`);
}

/**
 * Makes a study of the files and has it imported.
 * @param {Part[]} parts
 * @param {string} name may be empty
 * @param {(sent: number, of: number) => void} onProgress in bytes
 * @returns {Promise<{study: import("./api.js").Study, job: import("./api.js").Job}>}
 */
export async function upload(parts, name, onProgress) {
  const study = await send("POST", "/studies", name ? { name } : {});
  const path = `/studies/${encodeURIComponent(study.id)}`;
  const of = parts.reduce((sum, { file }) => sum + file.size, 0);
  let sent = 0;
  try {
    const waiting = [...parts];
    const lane = async () => {
      for (let part = waiting.shift(); part; part = waiting.shift()) {
        await sendFile("PUT", withQuery(`${path}/files`, { path: part.path }), part.file);
        sent += part.file.size;
        onProgress(sent, of);
      }
    };
    await Promise.all(Array.from({ length: 3 }, lane));
  } catch (problem) {
    await send("DELETE", path).catch(() => null);
    throw problem;
  }
  return { study, job: await send("POST", `${path}/import`) };
}
