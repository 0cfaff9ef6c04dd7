// Who has done how much of a round, and how well they agree.

import { fill, fixed, make } from "./dom.js";

/**
 * @param {HTMLElement} place
 * @param {import("./api.js").RoundDetail} detail
 * @param {string} own name of the annotator at this page
 */
export function showRoundProgress(place, detail, own) {
  const others = detail.locks.filter(({ annotator: name }) => name !== own);
  fill(place,
    make("table", {},
      make("thead", {}, make("tr", {}, ...["Who", "Choices", "Rejected", "Drawn", "Median time"].map((text) => make("th", { scope: "col" }, text)))),
      make("tbody", {}, ...detail.annotators.map((one) => make("tr", {}, make("td", {}, one.name),
        ...[one.choices, one.rejected, one.drawn].map((count) => make("td", { className: "number" }, String(count))),
        make("td", { className: "number" }, one.median_seconds === null ? "–" : `${fixed(one.median_seconds, 1)} s`))))),
    ...agreementLines(detail.agreement).map((/** @type {string} */ line) => make("p", { className: "hint" }, line)),
    others.length > 0 && make("p", { className: "hint" }, `Being annotated now: ${others.map(({ annotator: name }) => name).join(", ")}.`));
}

/** @param {Record<string, any> | null} agreement */
function agreementLines(agreement) {
  const pairs = agreement?.pairs ?? [];
  return pairs.map((/** @type {any} */ pair) => {
    const names = pair.annotators ?? [pair.first, pair.second];
    const equal = pair.equal ?? pair.agreement ?? null;
    return `${names.filter(Boolean).join(" and ")}: ${equal === null ? "" : `equal in ${fixed(100 * equal, 0)} %`}${
      pair.kappa === undefined || pair.kappa === null ? "" : `, kappa ${fixed(pair.kappa, 2)}`}${pair.cases ? ` (${pair.cases} cases)` : ""}`;
  });
}
