// Small helpers for the page: elements, words and numbers.

/**
 * @typedef {Node | string | null | undefined | false} Child
 */

/**
 * Makes an element. Properties whose name begins with "on" are listeners, those with a dash
 * attributes, all others properties.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [properties]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
    else Object.assign(element, { [name]: value });
  }
  element.append(...children.filter(isThere));
  return element;
}

/**
 * @param {Child} child
 * @returns {child is Node | string}
 */
function isThere(child) {
  return child !== null && child !== undefined && child !== false;
}

/**
 * The element with this id, of this kind.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function byId(id, kind) {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`the page has no ${kind.name} '${id}'`);
  return element;
}

/**
 * @param {Element} element
 * @param {...Child} children
 */
export function fill(element, ...children) {
  element.replaceChildren(...children.filter(isThere));
}

/**
 * @param {number | null | undefined} value
 * @param {number} digits
 */
export function fixed(value, digits) {
  return value === null || value === undefined || !Number.isFinite(value) ? "–" : value.toFixed(digits);
}

/** @param {number | null | undefined} ml */
export function mlText(ml) {
  return ml === null || ml === undefined ? "–" : `${fixed(ml, 1)} ml`;
}

/** @param {number | null | undefined} share 0 to 1 */
export function percentText(share) {
  if (share === null || share === undefined) return "–";
  return share > 0 && share < 0.0005 ? "below 0.1 %" : `${fixed(100 * share, 1)} %`;
}

/**
 * What was found of something, or a word for nothing known.
 * @param {number | null | undefined} points
 */
export function pointsText(points) {
  return points === null || points === undefined ? "no points" : `${points} ${points === 1 ? "point" : "points"}`;
}

/** @param {number} bytes */
export function bytesText(bytes) {
  if (bytes < 1024 * 1024) return `${Math.ceil(bytes / 1024)} KiB`;
  if (bytes < 1024 ** 3) return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
  return `${(bytes / 1024 ** 3).toFixed(2)} GiB`;
}

/** @param {string | null} time ISO 8601 */
export function timeText(time) {
  if (!time) return "";
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? time : date.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

/** @param {number | null} seconds */
export function durationText(seconds) {
  if (seconds === null || !Number.isFinite(seconds)) return "";
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${fixed(seconds / 3600, 1)} h`;
}

/**
 * Opens a file for download under a name.
 * @param {string} url
 * @param {string} name
 */
export function download(url, name) {
  const link = make("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
}
