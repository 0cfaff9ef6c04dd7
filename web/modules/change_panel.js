// What changed between two studies, in the words and numbers of `groundglass compare`.

import { byId, fill, fixed, make, mlText, percentText } from "./dom.js";

/** @typedef {{before: number | null, after: number | null, change: number | null}} BeforeAfter */
/** @typedef {{region: string, share_percent: BeforeAfter}} RegionChange */
/** @typedef {{verdict: string, days: number | null, lesion_ml: BeforeAfter, relative_percent: number | null,
 *   lung_ml: BeforeAfter, share_percent: BeforeAfter, score: BeforeAfter, regions: RegionChange[],
 *   lobes: {from: string, score: BeforeAfter, regions: RegionChange[], note: string} | null,
 *   definitions: Record<string, string>, warnings: string[]}} Change */

/**
 * A difference with its sign; what reads as nothing has none.
 * @param {number | null | undefined} value
 * @param {number} digits
 */
export function signed(value, digits) {
  if (value === null || value === undefined) return "–";
  const text = fixed(Math.abs(value), digits);
  if (Number(text) === 0) return text;
  return `${value > 0 ? "+" : "−"}${text}`;
}

/**
 * @param {string} title
 * @param {RegionChange[]} regions
 * @param {BeforeAfter} score
 * @param {string} note
 */
function regionTable(title, regions, score, note) {
  if (regions.length === 0) return [];
  const cell = (/** @type {string} */ text) => make("td", { className: "number" }, text);
  const row = (/** @type {string} */ name, /** @type {BeforeAfter} */ { before, after, change }, /** @type {number} */ digits) =>
    make("tr", {}, make("th", { scope: "row" }, name), cell(fixed(before, digits)), cell(fixed(after, digits)), cell(signed(change, digits)));
  return [make("h3", {}, title), make("table", {},
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "infected"), ...["earlier %", "later %", "change"].map((text) =>
      make("th", { scope: "col", className: "number" }, text)))),
    make("tbody", {}, ...regions.map((region) => row(region.region, region.share_percent, 1)), row("score", score, 0))),
  note ? make("p", { className: "hint" }, note) : null];
}

/**
 * @param {Change | null} change null where one of the two has no mask
 * @param {[string[], string[]]} own warnings of the studies themselves
 */
export function showChange(change, own) {
  const relative = change?.relative_percent === null || change?.relative_percent === undefined ? ""
    : ` (${signed(change.relative_percent, 0)} %)`;
  byId("change-ml", HTMLElement).textContent = change ? `${signed(change.lesion_ml.change, 1)} ml${relative}` : "–";
  byId("change-share", HTMLElement).textContent = change && change.share_percent.change !== null
    ? `${signed(change.share_percent.change, 1)} points of the lungs` : "";
  byId("verdict", HTMLElement).textContent = !change ? ""
    : change.verdict + (change.days === null ? "" : ` in ${change.days} days`);
  const side = (/** @type {"before"|"after"} */ when) => {
    const share = change?.share_percent[when] ?? null;
    return change ? `${mlText(change.lesion_ml[when])}, ${percentText(share === null ? null : share / 100)} of the lungs` : "no mask";
  };
  byId("amounts", HTMLElement).textContent = change ? `Earlier: ${side("before")}. Later: ${side("after")}.`
    : "Two masks of volumes in HU are needed.";
  fill(byId("change-warnings", HTMLElement), ...(change?.warnings ?? []).map((text) => make("li", {}, text)),
    ...["Earlier", "Later"].flatMap((word, which) => own[which].map((text) => make("li", {}, `${word}: ${text}`))));
  byId("regions", HTMLElement).hidden = !change || (change.regions.length === 0 && !change.lobes);
  fill(byId("region-tables", HTMLElement), ...(change ? [
    make("div", {}, ...regionTable("Zones", change.regions, change.score, `"No clear change": ${change.definitions.verdict.replace(/^no clear change: /, "")}. Nothing is registered: places are not compared.`)),
    change.lobes && make("div", {}, ...regionTable(`Lobes (${change.lobes.from})`, change.lobes.regions, change.lobes.score, change.lobes.note)),
  ] : []));
}
