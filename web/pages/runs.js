// Trainings: their curves, and the files of a run folder.

import { addressOf, getJson } from "../modules/api.js";
import { byId, durationText, fill, fixed, make, timeText } from "../modules/dom.js";
import { attempt, footer, frame } from "../modules/frame.js";

/** @typedef {import("../modules/api.js").Run} Run */
/** @typedef {import("../modules/api.js").RunDetail} RunDetail */

const refreshSeconds = 5;
let chosen = new URLSearchParams(location.search).get("run") ?? "";

const svg = "http://www.w3.org/2000/svg";

/**
 * @param {string} name
 * @param {Record<string, string>} attributes
 */
function drawn(name, attributes) {
  const element = document.createElementNS(svg, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

/**
 * One or two quantities over the epochs.
 * @param {string} title
 * @param {RunDetail["curves"]} rows
 * @param {string[]} names
 */
function curve(title, rows, names) {
  const series = names.map((name) => rows.map((row, index) => /** @type {[number, number | null]} */ (
    [row.epoch ?? index + 1, row[name] ?? null])).filter(([, value]) => value !== null && Number.isFinite(value)));
  const points = /** @type {[number, number][]} */ (series.flat());
  if (points.length === 0) return null;
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const place = (/** @type {[number, number | null]} */ [x, y]) =>
    `${(100 * (x - left)) / Math.max(1e-9, right - left)} ${95 - (90 * ((y ?? 0) - low)) / Math.max(1e-9, high - low)}`;
  const picture = drawn("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", role: "img", "aria-label": `${title} from ${fixed(low, 4)} to ${fixed(high, 4)}` });
  picture.append(drawn("path", { class: "axis", d: "M0 95H100" }));
  series.forEach((values, index) => {
    if (values.length > 0) picture.append(drawn("path", { d: `M${values.map(place).join("L")}`, class: index === 1 ? "second" : "first" }));
  });
  const last = series.map((values, index) => values.length > 0 && `${names[index].replaceAll("_", " ")} ${fixed(values.at(-1)?.[1], 4)}`).filter(Boolean);
  return make("figure", { className: "curve" }, make("strong", {}, title), picture,
    make("figcaption", { className: "hint" }, `${last.join(", ")} (range ${fixed(low, 4)} to ${fixed(high, 4)})`));
}

/** @param {RunDetail} run */
function showRun(run) {
  byId("run", HTMLElement).hidden = false;
  byId("run-title", HTMLElement).textContent = run.name;
  byId("run-state", HTMLElement).textContent = stateText(run);
  const { curves } = run;
  const known = new Set(curves.flatMap((row) => Object.keys(row)));
  const pairs = /** @type {[string, string[]][]} */ ([
    ["Loss", ["loss", "validation_loss"]], ["Dice", ["soft_dice", "hard_dice"]], ["Learning rate", ["learning_rate"]],
  ]);
  const named = new Set(["epoch", "seconds", ...pairs.flatMap(([, names]) => names)]);
  const others = /** @type {[string, string[]][]} */ ([...known].filter((name) => !named.has(name))
    .map((name) => [name.replaceAll("_", " "), [name]]));
  fill(byId("curves", HTMLElement), ...[...pairs, ...others].map(([title, names]) => curve(title, curves, names)));
  const address = (/** @type {string} */ file) =>
    addressOf(`/runs/${encodeURIComponent(run.name)}/files/${file.split("/").map(encodeURIComponent).join("/")}`);
  const pictures = run.files.filter((file) => /\.(png|svg)$/.test(file));
  const rest = run.files.filter((file) => !pictures.includes(file));
  fill(byId("run-files", HTMLElement),
    pictures.length > 0 && make("div", { className: "pictures" }, ...pictures.map((file) => make("figure", {},
      make("img", { src: address(file), alt: file, loading: "lazy" }), make("figcaption", { className: "hint" }, file)))),
    rest.length > 0 && make("p", {}, "Files: ", ...rest.flatMap((file, index) => [index > 0 && ", ", make("a", { href: address(file) }, file)])),
    run.notes ? make("details", {}, make("summary", {}, "Notes"), make("pre", {}, run.notes)) : null);
}

/** @param {Run} run */
function stateText({ state, epoch, epochs, eta_s: eta, best }) {
  const left = eta === null ? "" : `, ${durationText(eta)} left`;
  return `${state}, epoch ${epoch} of ${epochs}${left}${best === null ? "" : `, best ${fixed(best, 4)}`}`;
}

/** @param {string} name */
async function choose(name) {
  chosen = name;
  history.replaceState(null, "", `?run=${encodeURIComponent(name)}`);
  showRun(await getJson(`/runs/${encodeURIComponent(name)}`));
}

async function refresh() {
  /** @type {Run[]} */
  const runs = await getJson("/runs");
  fill(byId("runs", HTMLElement), runs.length === 0
    ? make("p", { className: "hint" }, "There are no trainings yet: `groundglass train RECIPE -o RUN` makes one.")
    : make("table", {},
      make("thead", {}, make("tr", {}, ...["Run", "Network", "State", "Changed"].map((text) => make("th", { scope: "col" }, text)))),
      make("tbody", {}, ...runs.map((run) => make("tr", {},
        make("td", {}, make("button", { type: "button", "aria-pressed": String(run.name === chosen), onclick: () => attempt(() => choose(run.name)) }, run.name)),
        make("td", {}, `${run.model}${run.kind === "segmentation" ? "" : ` (${run.kind})`}`),
        make("td", {}, stateText(run)),
        make("td", {}, timeText(run.changed)))))));
  return runs;
}

frame("runs");
attempt(async () => {
  await footer();
  const runs = await refresh();
  if (chosen || runs[0]) await choose(chosen || runs[0].name);
  setInterval(() => {
    if (document.hidden || !runs.some(({ state }) => state === "running")) return;
    attempt(async () => { await refresh(); await choose(chosen); });
  }, refreshSeconds * 1000);
});
