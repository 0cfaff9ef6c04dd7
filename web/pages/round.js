// Annotation rounds: cases one after the other, chosen blindly with one key, or drawn.

import { getBytes, getJson, Refusal, send, sendFile, withQuery } from "../modules/api.js";
import { follow } from "../modules/connection.js";
import { byId, fill, fixed, make } from "../modules/dom.js";
import { drawingKey, forgetDrawing, keepDrawing, keptDrawing } from "../modules/kept_drawing.js";
import { attempt, footer, frame, say, shortcuts } from "../modules/frame.js";
import { MaskEditor } from "../modules/mask_editor.js";
import { fromVoxel, picturePlane } from "../modules/planes.js";
import { writeGrayPng } from "../modules/png.js";
import { pictureVolume } from "../modules/study_image.js";
import { showRoundProgress } from "../modules/round_progress.js";
import { sceneOf, Viewer } from "../modules/viewer.js";
import { networksOfRounds } from "./round_networks.js";

/** @typedef {import("../modules/api.js").Case} Case */
/** @typedef {import("../modules/api.js").CaseSummary} CaseSummary */
/** @typedef {import("../modules/api.js").Round} Round */
/** @typedef {import("../modules/nifti.js").Volume} Volume */

const keepLockSeconds = 60;
const keepDrawingSeconds = 5;

/** @type {{round: string, current: Case | null, begun: number, image: Volume | null,
 *   masks: Map<string, Uint8Array>, viewers: Viewer[], editor: MaskEditor | null, kept: number, busy: boolean}} `kept`:
 *   revision of the drawing that the browser keeps */
const state = {
  round: new URLSearchParams(location.search).get("round") ?? "",
  current: null, begun: 0, image: null, masks: new Map(), viewers: [], editor: null, kept: 0, busy: false,
};

const annotator = () => byId("annotator", HTMLInputElement).value.trim();
const casePath = () => `/rounds/${encodeURIComponent(state.round)}/cases/${state.current?.id}`;
const secondsSince = () => Math.round((performance.now() - state.begun) / 100) / 10;

/**
 * Shows the image and each candidate under its letter, or the drawing alone.
 */
function showPanels() {
  const { image, current } = state;
  for (const viewer of state.viewers) viewer.close();
  state.viewers = [];
  if (!image || !current) return;
  const container = byId("panels", HTMLElement);
  fill(container);
  const count = state.editor ? 1 : current.letters.length + 1;
  container.dataset.columns = String(count <= 2 ? count : count <= 4 ? 2 : count <= 6 ? 3 : 4);
  /** @type {[string, Uint8Array | null][]} */
  const shown = state.editor ? [["your drawing", state.editor.labels]]
    : [["image", null], ...current.letters.map((letter) => /** @type {[string, Uint8Array | null]} */ ([letter, state.masks.get(letter) ?? null]))];
  for (const [name, mask] of shown) {
    const scene = sceneOf(image, true, { low: 0, high: Number(byId("brightness", HTMLInputElement).value) });
    scene.crossShown = state.editor !== null;
    scene.inverted = byId("invert", HTMLInputElement).checked;
    scene.maskStyle = byId("mask-style", HTMLSelectElement).value === "fill" ? "fill" : "outline";
    scene.maskOpacity = scene.maskStyle === "fill" ? 0.45 : 1;
    scene.mask = mask ? { data: mask, cut: 1 } : null;
    const place = make("div", { className: "views" });
    const viewer = new Viewer(place, scene, [picturePlane(image.dims)], {
      onDraw: (view, at, last) => draw(view, at, last),
      onDrawn: () => state.editor?.end(),
    }, { space: "without" });
    const caption = place.querySelector("figcaption");
    if (caption) caption.textContent = name;
    viewer.views[0].canvas.setAttribute("aria-label", name.length === 1 ? `Candidate ${name}` : name);
    if (state.editor) viewer.views[0].brushMm = brushRadius();
    if (name.length === 1) place.addEventListener("dblclick", () => choose(name));
    container.append(place);
    state.viewers.push(viewer);
  }
}

const brushRadius = () => Number(byId("brush-size", HTMLInputElement).value) / 2;
const tool = () => /** @type {HTMLInputElement} */ (document.querySelector('input[name="tool"]:checked')).value;

/**
 * @param {import("../modules/slice_view.js").SliceView} view
 * @param {[number, number, number]} at
 * @param {[number, number] | null} last
 */
function draw(view, at, last) {
  const { editor } = state;
  if (!editor) return;
  editor.begin();
  const label = tool() === "eraser" ? 0 : 1;
  if (tool() === "fill") {
    const x = Math.round(at[0]);
    const y = Math.round(at[1]);
    if (last || x < 0 || y < 0 || x >= view.plane.size[0] || y >= view.plane.size[1]) return;
    if (editor.fill(view.plane, [x, y, 0], 1) === 0) say("nothing filled: the area is open to the edge of the picture");
  } else {
    editor.brush(view.plane, at, { radiusMm: brushRadius(), label, last });
  }
  view.redraw();
}

/** Uses the tool where the cross-hair is, which the arrow keys move. */
function drawAtCross() {
  const view = state.viewers[0]?.views[0];
  if (!view || !state.editor) return;
  draw(view, fromVoxel(view.plane, view.scene.volume.dims, view.scene.cross), null);
  state.editor.end();
}

/** @param {number} step */
function resizeBrush(step) {
  const size = byId("brush-size", HTMLInputElement);
  size.value = String(Number(size.value) + step);
  size.dispatchEvent(new Event("input"));
}

/**
 * Keys that move the cross-hair over the drawing.
 * @returns {import("../modules/frame.js").Shortcut[]}
 */
function moves() {
  const directions = /** @type {[string, number, number][]} */ ([["Left", -1, 0], ["Right", 1, 0], ["Up", 0, -1], ["Down", 0, 1]]);
  return directions.flatMap(([name, x, y]) => [["", 4, "4 pixels"], ["Shift+", 1, "one pixel"]].map(([held, step, text]) => ({
    keys: [`${held}Arrow${name}`], text: `cross-hair ${text} ${name.toLowerCase()}`,
    run: () => state.viewers[0]?.views[0].move(Number(step) * x, Number(step) * y, 0),
  })));
}

/** What can be answered to this case. */
function showChoices() {
  const { current } = state;
  if (!current) return;
  const stageTwo = current.stage === 2;
  byId("case-title", HTMLElement).textContent = `${state.round}: ${current.name}`;
  byId("stage-title", HTMLElement).textContent = state.editor ? "Draw the infection"
    : stageTwo ? "Is the proposal right?" : "Which mask is best?";
  byId("left-over", HTMLElement).textContent = `Stage ${current.stage}, ${current.left} cases left for ${annotator()}.`;
  byId("drawing", HTMLElement).hidden = state.editor === null;
  fill(byId("choices", HTMLElement), ...(state.editor ? [] : [
    ...current.letters.map((letter) => make("button", { type: "button", className: "main", onclick: () => choose(letter) },
      stageTwo && current.letters.length === 1 ? `Accept (${letter})` : letter)),
    make("button", { type: "button", onclick: () => choose(null) }, "Reject all (0)"),
    make("button", { type: "button", onclick: startDrawing }, "Draw (Space)"),
  ]));
}

/** @param {Case} current */
async function open(current) {
  state.current = current;
  state.editor = null;
  const path = casePath();
  const [image, ...masks] = await Promise.all([
    getBytes(`${path}/image.png`).then(pictureVolume),
    ...current.letters.map((letter) => getBytes(`${path}/candidates/${letter}.png`).then(pictureVolume)),
  ]);
  state.image = image;
  state.masks = new Map(current.letters.map((letter, index) => [letter, Uint8Array.from(masks[index].data, (value) => (value ? 1 : 0))]));
  state.begun = performance.now();
  byId("rounds-page", HTMLElement).hidden = true;
  byId("desk", HTMLElement).hidden = false;
  byId("note", HTMLInputElement).value = "";
  showChoices();
  showPanels();
  document.body.dataset.case = String(current.id);
  // The next key may come before the table is there.
  attempt(showProgress);
}

/** Asks for the next case. */
async function next() {
  const order = byId("order", HTMLSelectElement).value;
  byId("cases", HTMLElement).hidden = order !== "hand";
  if (order === "hand") {
    await listCases();
    return;
  }
  /** @type {Case | null} */
  const current = await send("POST", `/rounds/${encodeURIComponent(state.round)}/next`, { annotator: annotator(), order });
  if (current) {
    await open(current);
    return;
  }
  state.current = null;
  document.body.dataset.case = "none";
  byId("desk", HTMLElement).hidden = true;
  byId("rounds-page", HTMLElement).hidden = false;
  await listRounds();
  say(`nothing is left for ${annotator()} in '${state.round}', or others hold the rest`);
}

/** Shows the round's cases, to take the next by hand. */
async function listCases() {
  state.current = null;
  document.body.dataset.case = "none";
  byId("desk", HTMLElement).hidden = true;
  byId("rounds-page", HTMLElement).hidden = false;
  /** @type {CaseSummary[]} */
  const cases = await getJson(withQuery(`/rounds/${encodeURIComponent(state.round)}/cases`, { annotator: annotator() }));
  const held = (/** @type {CaseSummary} */ { locked_by: by }) => by !== null && by !== annotator();
  fill(byId("case-list", HTMLElement), make("table", {},
    make("thead", {}, make("tr", {}, ...["Case", "State", "Masks differ by", "Entropy", ""].map((text) => make("th", { scope: "col" }, text)))),
    make("tbody", {}, ...cases.map((one) => make("tr", {},
      make("th", { scope: "row" }, one.name),
      make("td", {}, held(one) ? `${one.locked_by} works on it` : one.done ? "answered" : "open"),
      make("td", { className: "number" }, fixed(one.disagreement, 3)),
      make("td", { className: "number" }, one.entropy_bits === null ? "–" : `${fixed(1000 * one.entropy_bits, 1)} mbit`),
      make("td", {}, make("button", {
        type: "button", disabled: held(one), "aria-label": `Open ${one.name}`, onclick: () => attempt(async () => {
          await open(await send("PUT", `/rounds/${encodeURIComponent(state.round)}/cases/${one.id}/lock`, { annotator: annotator() }));
        }),
      }, "Open")))))));
}

/**
 * Sends one answer and goes on.
 * @param {() => Promise<unknown>} send_
 * @param {string} text
 */
function answer(send_, text) {
  if (state.busy || !state.current) return;
  state.busy = true;
  attempt(async () => {
    await send_();
    say(text);
    await next();
  }).finally(() => {
    state.busy = false;
  });
}

/** @param {string | null} letter null: none of them */
function choose(letter) {
  const { current } = state;
  if (!current || state.editor || (letter !== null && !current.letters.includes(letter))) return;
  const body = {
    annotator: annotator(), letter, seconds: secondsSince(), note: byId("note", HTMLInputElement).value.trim(),
    replace: current.choice !== null,
  };
  answer(() => send("POST", `${casePath()}/choice`, body), letter === null ? `${current.name}: all rejected` : `${current.name}: ${letter}`);
}

const ownDrawing = () => drawingKey(state.round, state.current?.id ?? 0, annotator());

async function startDrawing() {
  const { image, current } = state;
  if (!image || !current || state.busy) return;
  state.busy = true;  // keys that follow at once are for the drawing
  const kept = await keptDrawing(ownDrawing(), image.dims);
  state.busy = false;
  // A single proposal is the start of the drawing; of several, none is preferred.
  const start = current.letters.length === 1 ? state.masks.get(current.letters[0])?.slice() : undefined;
  state.editor = new MaskEditor(image.dims, kept ?? start ?? new Uint8Array(image.data.length));
  state.kept = state.editor.revision;
  say(kept ? "the drawing that was not handed in is back" : "");
  showChoices();
  showPanels();
}

function stopDrawing() {
  forgetDrawing(ownDrawing());
  state.editor = null;
  showChoices();
  showPanels();
}

function sendDrawing() {
  const { editor, image, current } = state;
  if (!editor || !image || !current) return;
  editor.end();
  const seconds = secondsSince();
  answer(async () => {
    const file = await writeGrayPng(image.dims[0], image.dims[1], editor.labels.map((label) => (label ? 255 : 0)));
    const note = byId("note", HTMLInputElement).value.trim() || null;
    await sendFile("POST", withQuery(`${casePath()}/drawing`, { annotator: annotator(), seconds, note }), file, "image/png");
    forgetDrawing(ownDrawing());
  }, `${current.name}: drawn`);
}

/** @param {string} name */
function enter(name) {
  return attempt(async () => {
    if (!annotator()) {
      byId("annotator", HTMLInputElement).focus();
      throw new Error("write your name into 'Your name'; choices are kept under it");
    }
    localStorage.setItem("groundglass author", annotator());
    state.round = name;
    history.replaceState(null, "", `?round=${encodeURIComponent(name)}`);
    await next();
  });
}

async function listRounds() {
  /** @type {Round[]} */
  const rounds = await getJson("/rounds");
  showNetworks(rounds.map(({ name }) => name));
  fill(byId("rounds", HTMLElement), rounds.length === 0
    ? make("p", { className: "hint" }, "There are no rounds yet: ",
      make("code", {}, "groundglass annotate init DATASET -o WORKSPACE/rounds/NAME"), " begins one.")
    : make("table", {},
      make("thead", {}, make("tr", {}, ...["Round", "Cases", "Rounds so far", "Stage", ""].map((text) => make("th", { scope: "col" }, text)))),
      make("tbody", {}, ...rounds.map((round) => make("tr", {},
        make("th", { scope: "row" }, round.name), make("td", {}, String(round.cases)), make("td", {}, String(round.rounds)),
        make("td", {}, round.stage === null ? "not begun" : round.open ? String(round.stage) : `${round.stage}, closed`),
        make("td", {}, make("button", { type: "button", disabled: !round.open, "aria-label": `Annotate ${round.name}`, onclick: () => enter(round.name) }, "Annotate")))))));
}

async function showProgress() {
  showRoundProgress(byId("progress", HTMLElement), await getJson(`/rounds/${encodeURIComponent(state.round)}`), annotator());
}

function listen() {
  const on = (/** @type {string} */ id, /** @type {string} */ event, /** @type {() => unknown} */ run) =>
    byId(id, HTMLElement).addEventListener(event, run);
  byId("annotator", HTMLInputElement).value = localStorage.getItem("groundglass author") ?? "";
  for (const id of ["brightness", "invert", "mask-style"]) on(id, "input", showPanels);
  on("brush-size", "input", () => {
    for (const viewer of state.viewers) if (state.editor) viewer.views[0].brushMm = brushRadius();
  });
  on("undo", "click", undo);
  on("redo", "click", redo);
  on("send-drawing", "click", sendDrawing);
  on("stop-drawing", "click", stopDrawing);
  on("give-back", "click", () => attempt(async () => {
    if (!state.current) return;
    await send("DELETE", withQuery(`${casePath()}/lock`, { annotator: annotator() }));
    state.current = null;
    byId("desk", HTMLElement).hidden = true;
    byId("rounds-page", HTMLElement).hidden = false;
    await listRounds();
  }));
  setInterval(() => {
    const { editor, image } = state;
    if (!editor || !image || editor.revision === state.kept) return;
    state.kept = editor.revision;
    keepDrawing(ownDrawing(), image.dims, editor.labels);
  }, keepDrawingSeconds * 1000);
  setInterval(() => {
    if (!state.current || document.hidden) return;
    send("PUT", `${casePath()}/lock`, { annotator: annotator() }).catch((problem) => {
      if (problem instanceof Refusal && problem.status === 409) say(`error: ${problem.message}`, "wrong");
    });
  }, keepLockSeconds * 1000);
}

function undo() {
  if (state.editor && !state.editor.undo()) say("there is nothing to undo");
  state.viewers[0]?.redraw();
}

function redo() {
  if (state.editor && !state.editor.redo()) say("there is nothing to redo");
  state.viewers[0]?.redraw();
}

/** @param {string} name */
function setTool(name) {
  const radio = document.querySelector(`input[name="tool"][value="${name}"]`);
  if (radio instanceof HTMLInputElement) radio.checked = true;
}

frame("rounds");
byId("keys", HTMLButtonElement).onclick = shortcuts(() => (state.editor ? [
  { keys: ["b"], text: "brush", run: () => setTool("brush") },
  { keys: ["e"], text: "eraser", run: () => setTool("eraser") },
  { keys: ["f"], text: "fill", run: () => setTool("fill") },
  { keys: [" "], text: "use the tool at the cross-hair", run: drawAtCross },
  ...moves(),
  { keys: ["["], text: "smaller brush", run: () => resizeBrush(-1) },
  { keys: ["]"], text: "larger brush", run: () => resizeBrush(1) },
  { keys: ["+", "="], text: "zoom in", run: () => state.viewers[0]?.active.zoomBy(1.25) },
  { keys: ["-"], text: "zoom out", run: () => state.viewers[0]?.active.zoomBy(0.8) },
  { keys: ["Ctrl+z"], text: "undo", run: undo },
  { keys: ["Ctrl+y", "Ctrl+Z"], text: "redo", run: redo },
  { keys: ["Ctrl+s", "Enter"], text: "hand the drawing in", run: sendDrawing },
  { keys: ["Escape"], text: "back without a drawing", run: stopDrawing },
] : [
  ...(state.current?.letters ?? []).map((letter, index) => ({
    keys: [letter.toLowerCase(), letter, String(index + 1)], text: `candidate ${letter} is best`, run: () => choose(letter),
  })),
  ...(state.current?.letters.length === 1 ? [{ keys: ["Enter"], text: "accept the proposal", run: () => choose(state.current?.letters[0] ?? null) }] : []),
  { keys: ["0"], text: "reject all", run: () => choose(null) },
  { keys: [" "], text: "draw", run: startDrawing },
]));
listen();
const showNetworks = networksOfRounds(listRounds);
attempt(async () => {
  await footer();
  await listRounds();
  follow({ lock: ({ round }) => { if (round === state.round && state.current) attempt(showProgress); } }, {
    // A server that was started again has forgotten who holds which case.
    again: () => state.current && attempt(() => send("PUT", `${casePath()}/lock`, { annotator: annotator() })),
  });
});
