// Trainings: their curves, and the files of a run folder.

import { addressOf, getJson } from "../modules/api.js";
import { byId, durationText, fill, fixed, make, timeText } from "../modules/dom.js";
import { attempt, footer, frame, say } from "../modules/frame.js";

/** @typedef {import("../modules/api.js").Run} Run */
/** @typedef {import("../modules/api.js").RunDetail} RunDetail */

const refreshSeconds = 5;
let chosen = new URLSearchParams(location.search).get("run") ?? "";

const svg = "http://www.w3.org/2000/svg";

/** Lines of one picture, told apart by colour and by dashes. */
const lines = ["first", "second", "third"];

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
    `${right > left ? (100 * (x - left)) / (right - left) : 50} ${high > low ? 95 - (90 * ((y ?? 0) - low)) / (high - low) : 50}`;
  const picture = drawn("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", role: "img", "aria-label": `${title} from ${fixed(low, 4)} to ${fixed(high, 4)}` });
  picture.append(drawn("path", { class: "axis", d: "M0 95H100" }));
  const last = series.flatMap((values, index) => {
    if (values.length === 0) return [];
    const points = values.map(place);
    // One epoch alone is a dot: the round end of a line without length.
    const d = points.length === 1 ? `M${points[0]}h0` : `M${points.join("L")}`;
    picture.append(drawn("path", { d, class: `${lines[index]}${points.length === 1 ? " dot" : ""}` }));
    const key = drawn("svg", { viewBox: "0 0 24 8", class: "key", "aria-hidden": "true" });
    key.append(drawn("path", { d: "M1 4H23", class: lines[index] }));
    return [make("span", {}, key, ` ${names[index].replaceAll("_", " ")} ${fixed(values.at(-1)?.[1], 4)}`), ", "];
  });
  return make("figure", { className: "curve" }, make("strong", {}, title), picture,
    make("figcaption", { className: "hint" }, ...last.slice(0, -1), ` (range ${fixed(low, 4)} to ${fixed(high, 4)})`));
}

/** @param {RunDetail} run */
function showRun(run) {
  byId("run", HTMLElement).hidden = false;
  byId("run-title", HTMLElement).textContent = run.name;
  byId("run-state", HTMLElement).textContent = stateText(run);
  fill(byId("run-warnings", HTMLElement), ...[...(run.problem ? [run.problem] : []), ...new Set(run.warnings)].map((text) => make("li", {}, text)));
  const { curves } = run;
  const known = new Set(curves.flatMap((row) => Object.keys(row)));
  const pairs = /** @type {[string, string[]][]} */ ([
    ["Loss", ["loss", "validation_loss"]], ["Dice", ["training_dice", "soft_dice", "hard_dice"]], ["Learning rate", ["learning_rate"]],
  ]);
  const named = new Set(["epoch", "seconds", ...pairs.flatMap(([, names]) => names)]);
  const others = /** @type {[string, string[]][]} */ ([...known].filter((name) => !named.has(name))
    .map((name) => [name.replaceAll("_", " "), [name]]));
  fill(byId("curves", HTMLElement), ...[...pairs, ...others].map(([title, names]) => curve(title, curves, names)));
  const address = (/** @type {string} */ file) =>
    addressOf(`/runs/${encodeURIComponent(run.name)}/files/${file.split("/").map(encodeURIComponent).join("/")}`);
  fill(byId("folds", HTMLElement), ...foldTable(run));
  fill(byId("test", HTMLElement), ...testTable(run));
  const sheet = "augmentation.png";
  fill(byId("augmentation", HTMLElement), run.files.includes(sheet) && make("figure", { className: "sheet" },
    make("h3", {}, "What the network is trained on"),
    make("a", { href: address(sheet), target: "_blank", rel: "noopener" }, make("img", { src: address(sheet), alt: "Augmentation sheet, larger in a tab of its own", loading: "lazy" })),
    make("figcaption", { className: "hint" }, "Training images as they are and as augmentation changes them; a click shows them larger.")));
  const pictures = run.files.filter((file) => /\.(png|svg)$/.test(file) && file !== sheet);
  const rest = run.files.filter((file) => !pictures.includes(file) && file !== sheet);
  fill(byId("run-files", HTMLElement),
    pictures.length > 0 && make("div", { className: "pictures" }, ...pictures.map((file) => make("figure", {},
      make("img", { src: address(file), alt: file, loading: "lazy" }), make("figcaption", { className: "hint" }, file)))),
    rest.length > 0 && make("p", {}, "Files: ", ...rest.flatMap((file, index) => [index > 0 && ", ", make("a", { href: address(file) }, file)])),
    run.notes ? make("details", {}, make("summary", {}, "Notes"), make("pre", {}, run.notes)) : null);
}

const scoreNames = /** @type {const} */ (["dice", "iou", "precision", "sensitivity"]);

/** @param {(string | [string, string])[]} names those with "number" stand to the right */
const head = (names) => make("thead", {}, make("tr", {}, ...names.map((name) =>
  make("th", { scope: "col", ...(Array.isArray(name) ? { className: name[1] } : {}) }, Array.isArray(name) ? name[0] : name))));

/**
 * The folds of a cross-validation, their mean and standard deviation.
 * @param {RunDetail} run
 */
function foldTable({ name, folds }) {
  if (folds.length === 0) return [];
  const tested = folds.flatMap(({ test }) => (test ? [test] : []));
  const mean = (/** @type {number[]} */ values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const summary = scoreNames.map((score) => {
    const values = tested.flatMap((test) => (test[score] === null ? [] : [/** @type {number} */ (test[score])]));
    if (values.length === 0) return "–";
    const middle = mean(values);
    const sd = values.length < 2 ? null : Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
    return `${fixed(middle, 3)}${sd === null ? "" : ` ± ${fixed(sd, 3)}`}`;
  });
  const left = folds.reduce((sum, { eta_s: eta }) => sum + (eta ?? 0), 0);
  return [make("h3", {}, "Folds"),
    make("table", {}, head(["Fold", "State", "Best epoch", ...["Dice", "IoU", "Precision", "Sensitivity", "Test images"].map((text) => /** @type {[string, string]} */ ([text, "number"]))]),
      make("tbody", {}, ...folds.map((fold) => make("tr", {},
        make("td", {}, make("button", { type: "button", "aria-pressed": String(fold.name === name), "aria-label": `Fold ${fold.fold}`, onclick: () => attempt(() => choose(fold.name)) }, String(fold.fold))),
        make("td", {}, stateText(fold)), make("td", {}, fold.test?.best_epoch ? String(fold.test.best_epoch) : "–"),
        ...scoreNames.map((score) => make("td", { className: "number" }, fixed(fold.test?.[score], 3))),
        make("td", { className: "number" }, fold.test ? String(fold.test.cases) : "–"))),
      make("tr", {}, make("th", { scope: "row", colSpan: 3 }, `mean ± sd of ${tested.length} of ${folds.length} folds`),
        ...summary.map((text) => make("td", { className: "number" }, text)), make("td", {})))),
    make("p", { className: "hint" }, `Pooled over the pixels of each fold's test images.${left > 0 ? ` ${durationText(left)} left in the folds that are being trained.` : ""}`)];
}

/**
 * Scores of the test images, and the worst of these.
 * @param {RunDetail} run
 */
function testTable({ test, worst }) {
  if (!test) return [];
  const line = `${test.cases} test images: Dice ${fixed(test.dice, 3)}, IoU ${fixed(test.iou, 3)}, precision ${fixed(test.precision, 3)}, sensitivity ${fixed(test.sensitivity, 3)}${
    test.threshold === null ? "" : ` at threshold ${fixed(test.threshold, 2)}`}.`;
  return [make("h3", {}, "Test"), make("p", {}, line),
    worst.length > 0 && make("details", { open: true }, make("summary", {}, "Worst test images with infection"),
      make("table", {}, head(["Image", ["Dice", "number"], ["Infected px", "number"], ["Missed px", "number"], ["Added px", "number"]]),
        make("tbody", {}, ...worst.map((one) => make("tr", {}, make("th", { scope: "row" }, one.name),
          make("td", { className: "number" }, fixed(one.dice, 3)),
          ...[one.infected, one.missed, one.added].map((pixels) => make("td", { className: "number" }, String(Math.round(pixels)))))))))];
}

/** @param {Run} run */
function stateText({ state, epoch, epochs, eta_s: eta, best }) {
  const left = eta === null ? "" : `, ${durationText(eta)} left`;
  return `${state}, epoch ${epoch}${epochs > 0 ? ` of ${epochs}` : ""}${left}${best === null ? "" : `, best ${fixed(best, 4)}`}`;
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
    ? make("p", { className: "hint" }, "There are no trainings yet: ", make("code", {}, "groundglass train RECIPE -o RUN"), " makes one.")
    : make("table", {},
      make("thead", {}, make("tr", {}, ...["Run", "Network", "State", "Changed"].map((text) => make("th", { scope: "col" }, text)))),
      make("tbody", {}, ...runs.map((run) => make("tr", {},
        make("td", {}, make("button", { type: "button", "aria-pressed": String(run.name === chosen), onclick: () => attempt(() => choose(run.name)) }, run.name)),
        make("td", {}, `${run.model}${run.kind === "segmentation" ? "" : ` (${run.kind})`}`),
        make("td", {}, run.problem ? `${stateText(run)}; ${run.problem}` : stateText(run)),
        make("td", {}, timeText(run.changed)))))));
  return runs;
}

frame("runs");
attempt(async () => {
  await footer();
  let runs = await refresh();
  if (chosen || runs[0]) await choose(chosen || runs[0].name);
  setInterval(() => {
    if (document.hidden) return;
    attempt(async () => {
      const followed = runs.some(({ state }) => state === "running");
      runs = await refresh();
      if (byId("status", HTMLElement).dataset.kind === "wrong") say("the server is back");
      // The last look at a training is when it has ended.
      if (chosen && (followed || runs.some(({ state }) => state === "running"))) await choose(chosen);
    });
  }, refreshSeconds * 1000);
});
