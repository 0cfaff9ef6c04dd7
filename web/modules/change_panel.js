// What changed between two studies, in the words and numbers of `groundglass compare`.

import { byId, fill, fixed, make, mlText, percentText } from "./dom.js";

/** @typedef {{before: number | null, after: number | null, change: number | null}} BeforeAfter */
/** @typedef {{region: string, share_percent: BeforeAfter}} RegionChange */
/** @typedef {{image: "ct"|"xray", verdict: string, verdict_by: string | null, days: number | null, lesion_ml: BeforeAfter,
 *   lesion_cm2: BeforeAfter, relative_percent: number | null, lung_ml: BeforeAfter, share_percent: BeforeAfter, score: BeforeAfter, regions: RegionChange[],
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

/** Of the lungs, as `percentText` has it. @param {number | null} percent */
const shareText = (percent) => percentText(percent === null ? null : percent / 100);

/**
 * The two numbers that are told large, and a study's own in a sentence.
 * @param {Change} change
 */
function amountsOf(change) {
  const relative = change.relative_percent === null ? "" : ` (${signed(change.relative_percent, 0)} %)`;
  const ofWhat = (/** @type {string} */ by) => (change.verdict_by === by ? relative : "");
  const points = change.share_percent.change === null ? ""
    : `${signed(change.share_percent.change, 1)} points of the lungs${ofWhat("share_percent")}`;
  if (change.image === "ct") {
    return {
      first: `${signed(change.lesion_ml.change, 1)} ml${ofWhat("lesion_ml")}`, second: points,
      side: (/** @type {"before"|"after"} */ when) => `${mlText(change.lesion_ml[when])}, ${shareText(change.share_percent[when])} of the lungs`,
    };
  }
  const area = change.lesion_cm2.change === null ? "" : `${signed(change.lesion_cm2.change, 1)} cm²${ofWhat("lesion_cm2")}`;
  const score = (/** @type {number | null} */ value) => (value === null ? "no score" : `score ${value} of 8`);
  return {
    first: area || points || "not known", second: area ? points : "",
    side: (/** @type {"before"|"after"} */ when) => [
      change.lesion_cm2[when] === null ? null : `${fixed(change.lesion_cm2[when], 1)} cm²`,
      change.share_percent[when] === null ? "no share of the lungs" : `${shareText(change.share_percent[when])} of the lungs`,
      score(change.score[when]),
    ].filter(Boolean).join(", "),
  };
}

/** @param {Change} change */
function tablesOf(change) {
  const rule = `"No clear change": ${change.definitions.verdict.replace(/^no clear change: /, "")}.`;
  if (change.image === "xray") {
    return [make("div", {}, ...regionTable("Lungs", change.regions, change.score, `${rule} Whole lungs are compared in the projection; nothing is registered.`))];
  }
  return [
    make("div", {}, ...regionTable("Zones", change.regions, change.score, `${rule} Nothing is registered: places are not compared.`)),
    change.lobes && make("div", {}, ...regionTable(`Lobes (${change.lobes.from})`, change.lobes.regions, change.lobes.score, change.lobes.note)),
  ];
}

/**
 * @param {Change | null} change null where one of the two has no mask
 * @param {[string[], string[]]} own warnings of the studies themselves
 */
export function showChange(change, own) {
  const amounts = change && amountsOf(change);
  byId("change-ml", HTMLElement).textContent = amounts?.first ?? "–";
  byId("change-share", HTMLElement).textContent = amounts?.second ?? "";
  byId("verdict", HTMLElement).textContent = !change ? ""
    : change.verdict + (change.days === null ? "" : ` in ${change.days} days`);
  byId("amounts", HTMLElement).textContent = amounts ? `Earlier: ${amounts.side("before")}. Later: ${amounts.side("after")}.`
    : "Two masks are needed, of volumes in HU or of chest X-rays.";
  fill(byId("change-warnings", HTMLElement), ...(change?.warnings ?? []).map((text) => make("li", {}, text)),
    ...["Earlier", "Later"].flatMap((word, which) => own[which].map((text) => make("li", {}, `${word}: ${text}`))));
  byId("regions", HTMLElement).hidden = !change || (change.regions.length === 0 && !change.lobes);
  byId("regions-title", HTMLElement).textContent = change?.image === "xray" ? "By lung" : "By zone and lobe";
  fill(byId("region-tables", HTMLElement), ...(change ? tablesOf(change) : []));
}
