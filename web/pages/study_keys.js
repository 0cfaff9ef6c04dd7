// The keys of the study page.

import { attempt } from "../modules/frame.js";
import { setThreshold, space, stepLesion } from "./study_layers.js";
import { state } from "./study_state.js";

/** @param {string} id of a checkbox, or of a choice that steps on */
function toggle(id) {
  const control = document.getElementById(id);
  if (control instanceof HTMLInputElement && !control.disabled) control.checked = !control.checked;
  if (control instanceof HTMLSelectElement) control.selectedIndex = (control.selectedIndex + 1) % control.options.length;
  control?.dispatchEvent(new Event("change"));
}

/** @returns {import("../modules/frame.js").Shortcut[]} */
export function keys() {
  const move = (/** @type {number} */ dx, /** @type {number} */ dy) => () => state.viewer?.active.move(dx, dy, 0);
  return [
    { keys: ["ArrowUp", "PageUp"], text: "next slice of the plane that has the focus", run: () => state.viewer?.active.scroll(1) },
    { keys: ["ArrowDown", "PageDown"], text: "slice before", run: () => state.viewer?.active.scroll(-1) },
    { keys: ["Shift+ArrowLeft", "ArrowLeft"], text: "cross-hair to the left", run: move(-1, 0) },
    { keys: ["Shift+ArrowRight", "ArrowRight"], text: "cross-hair to the right", run: move(1, 0) },
    { keys: ["Shift+ArrowUp"], text: "cross-hair up", run: move(0, -1) },
    { keys: ["Shift+ArrowDown"], text: "cross-hair down", run: move(0, 1) },
    { keys: ["a"], text: "axial plane", run: () => state.viewer?.focus("axial") },
    { keys: ["c"], text: "coronal plane", run: () => state.viewer?.focus("coronal") },
    { keys: ["s"], text: "sagittal plane", run: () => state.viewer?.focus("sagittal") },
    { keys: ["x"], text: "this plane alone, or all (double-click)", run: () => state.viewer && state.viewer.enlarge(state.viewer.active) },
    { keys: ["3"], text: "lungs and infection in space", run: () => attempt(() => space.show()) },
    { keys: ["w"], text: "next window", run: () => toggle("window") },
    { keys: ["v"], text: "invert (pictures)", run: () => toggle("invert") },
    { keys: ["+", "="], text: "zoom in", run: () => state.viewer?.active.zoomBy(1.25) },
    { keys: ["-"], text: "zoom out", run: () => state.viewer?.active.zoomBy(0.8) },
    { keys: ["0"], text: "whole picture", run: () => state.viewer?.active.zoomBy(0) },
    { keys: ["m"], text: "mask on or off", run: () => toggle("mask-shown") },
    { keys: ["o"], text: "mask as area or outline", run: () => toggle("mask-style") },
    { keys: ["h"], text: "probability on or off", run: () => toggle("heat-shown") },
    { keys: ["g"], text: "Grad-CAM on or off", run: () => toggle("cam-shown") },
    { keys: ["l"], text: "lungs on or off", run: () => toggle("lungs-shown") },
    { keys: [","], text: "threshold 0.01 lower", run: () => state.thresholds && !state.desk?.editor && setThreshold(state.threshold - 0.01) },
    { keys: ["."], text: "threshold 0.01 higher", run: () => state.thresholds && !state.desk?.editor && setThreshold(state.threshold + 0.01) },
    { keys: ["n"], text: "next lesion", run: () => stepLesion(1) },
    { keys: ["p"], text: "lesion before", run: () => stepLesion(-1) },
    { keys: ["b"], text: "brush", run: () => state.desk?.choose("brush") },
    { keys: ["e"], text: "eraser", run: () => state.desk?.choose("eraser") },
    { keys: ["f"], text: "fill", run: () => state.desk?.choose("fill") },
    { keys: ["Escape"], text: "look without drawing", run: () => state.desk?.choose("look") },
    { keys: [" "], text: "use the tool at the cross-hair", run: () => state.desk?.drawAtCross() },
    { keys: ["["], text: "smaller brush", run: () => state.desk?.resizeBrush(-1) },
    { keys: ["]"], text: "larger brush", run: () => state.desk?.resizeBrush(1) },
    { keys: ["i"], text: "fill the slices between the last two drawn on", run: () => state.desk?.interpolate() },
    { keys: ["Ctrl+z"], text: "undo", run: () => state.desk?.undo() },
    { keys: ["Ctrl+y", "Ctrl+Z"], text: "redo", run: () => state.desk?.redo() },
    { keys: ["Ctrl+s"], text: "save as a new version", run: () => state.desk?.save() },
  ];
}
