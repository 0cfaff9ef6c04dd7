// Drawings of annotation rounds that were not handed in yet, kept in the browser: it may die, or the
// computer.

import { readGrayPng, writeGrayPng } from "./png.js";

const prefix = "groundglass drawing ";

/**
 * @param {string} round
 * @param {number} id of the case
 * @param {string} annotator
 */
export function drawingKey(round, id, annotator) {
  return `${prefix}${JSON.stringify([round, id, annotator])}`;
}

/**
 * @param {string} key
 * @param {number[]} dims of the picture
 * @param {Uint8Array} labels
 */
export async function keepDrawing(key, dims, labels) {
  const png = await writeGrayPng(dims[0], dims[1], labels.map((label) => (label ? 255 : 0)));
  const bytes = new Uint8Array(await png.arrayBuffer());
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  try {
    localStorage.setItem(key, btoa(text));
  } catch {
    // The browser's store is full or shut; the drawing stays in the page.
  }
}

/**
 * The drawing that was kept, if it is of this picture.
 * @param {string} key
 * @param {number[]} dims
 * @returns {Promise<Uint8Array | null>}
 */
export async function keptDrawing(key, dims) {
  const text = localStorage.getItem(key);
  if (text === null) return null;
  try {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const { width, height, data } = await readGrayPng(bytes.buffer);
    return width === dims[0] && height === dims[1] ? Uint8Array.from(data, (value) => (value ? 1 : 0)) : null;
  } catch {
    return null;
  }
}

/** @param {string} key */
export function forgetDrawing(key) {
  localStorage.removeItem(key);
}
