// Correcting a mask: tools, keys, drafts every few seconds, and saving it as a new version.

import { getDraft, Refusal, send, sendFile, withQuery } from "./api.js";
import { byId, fill, fixed, make } from "./dom.js";
import { attempt, say } from "./frame.js";
import { MaskEditor } from "./mask_editor.js";
import { gzipped, writeNifti } from "./nifti.js";
import { writeGrayPng } from "./png.js";
import { fromVoxel } from "./planes.js";
import { imagePath, readLabels } from "./study_image.js";

/** @typedef {import("./slice_view.js").SliceView} SliceView */
/** @typedef {import("./viewer.js").Viewer} Viewer */
/** @typedef {[number, number, number]} Triple */
/** @typedef {"look"|"brush"|"eraser"|"fill"} Tool */

const draftEverySeconds = 5;

/**
 * What the desk asks the page.
 * @typedef {object} Page
 * @property {() => Viewer} viewer
 * @property {() => {labels: Uint8Array, version: number, origin: string} | null}
 *   shown the mask on the screen as labels, a copy, and where it comes from (null without one)
 * @property {() => void} changed the mask or its amount has to be shown again
 * @property {(version: number, labels: Uint8Array) => Promise<unknown>} saved a new version is there
 * @property {() => void} discarded
 */

export class CorrectionDesk {
  /**
   * @param {{study: string, image: import("./api.js").Image, volume: import("./nifti.js").Volume}} subject
   * @param {Page} page
   */
  constructor(subject, page) {
    this.subject = subject;
    this.page = page;
    /** @type {MaskEditor | null} */
    this.editor = null;
    /** The version that is corrected. @type {number | null} */
    this.parent = null;
    /** @type {Tool} */
    this.tool = "look";
    /** Revision of the editor that the server keeps as a draft. */
    this.kept = 0;
    this.keeping = false;
    this.stop = new AbortController();
    this.#listen();
    this.timer = setInterval(() => this.keepDraft(), draftEverySeconds * 1000);
    this.#show();
  }

  /** Ends listening; another image is shown. */
  close() {
    this.stop.abort();
    clearInterval(this.timer);
  }

  get author() {
    return byId("author", HTMLInputElement).value.trim() || "anonymous";
  }

  get brushMm() {
    return Number(byId("brush-size", HTMLInputElement).value) / 2;
  }

  get label() {
    return Number(byId("class", HTMLSelectElement).value) || 1;
  }

  get path() {
    return imagePath(this.subject.study, this.subject.image.id);
  }

  /** @param {Tool} tool */
  choose(tool) {
    if (tool !== "look" && !this.#begin()) tool = "look";
    this.tool = tool;
    const tools = byId("correct", HTMLDetailsElement);
    if (tool !== "look" && !tools.open) {
      tools.open = true;
      tools.scrollIntoView({ block: "nearest" });
    }
    for (const radio of document.querySelectorAll('input[name="tool"]')) {
      if (radio instanceof HTMLInputElement) radio.checked = radio.value === tool;
    }
    this.#show();
  }

  /** Takes the mask on the screen over, once. */
  #begin() {
    if (this.editor) return true;
    const shown = this.page.shown();
    if (!shown) {
      say("error: there is no mask to correct; segment the study first", "wrong");
      return false;
    }
    this.editor = new MaskEditor(this.subject.volume.dims, shown.labels);
    this.parent = shown.version;
    this.kept = 0;
    const reason = byId("reason", HTMLInputElement);
    if (!reason.value && shown.origin) reason.value = shown.origin;
    this.page.changed();
    return true;
  }

  /**
   * A stroke on a view.
   * @param {SliceView} view
   * @param {Triple} at
   * @param {[number, number] | null} last
   */
  draw(view, at, last) {
    const { editor } = this;
    if (!editor) return;
    editor.begin();
    const label = this.tool === "eraser" ? 0 : this.label;
    if (this.tool === "fill") {
      if (last) return;
      const pixel = /** @type {Triple} */ ([Math.round(at[0]), Math.round(at[1]), at[2]]);
      if (pixel.some((value, axis) => value < 0 || value >= view.plane.size[axis])) return;
      const filled = editor.fill(view.plane, pixel, label);
      say(filled > 0 ? `filled ${filled} pixels` : "nothing filled: the area is open to the edge of the picture, or has this class already");
    } else {
      editor.brush(view.plane, at, { radiusMm: this.brushMm, label, last });
    }
    this.page.changed();
  }

  /** The stroke has ended. */
  drawn() {
    this.editor?.end();
    this.#show();
    this.page.changed();
  }

  /** The tool at the cross-hair, for those without a mouse. */
  drawAtCross() {
    if (!this.editor || this.tool === "look") return;
    const view = this.page.viewer().active;
    this.draw(view, fromVoxel(view.plane, this.subject.volume.dims, view.scene.cross), null);
    this.drawn();
  }

  interpolate() {
    const { editor } = this;
    const { plane } = this.page.viewer().active;
    const drawn = editor?.touched.get(plane.name) ?? [];
    editor?.begin();
    const done = editor?.interpolate(plane, this.label) ?? null;
    editor?.end();
    say(done ? `filled the ${plane.name} slices between ${done.from + 1} and ${done.to + 1}`
      : `nothing to fill: draw on two ${plane.name} slices with others between them (drawn on: ${
        drawn.map((slice) => slice + 1).join(", ") || "none"})`);
    this.#show();
    this.page.changed();
  }

  undo() {
    if (this.editor && !this.editor.undo()) say("there is nothing to undo");
    this.#show();
    this.page.changed();
  }

  redo() {
    if (this.editor && !this.editor.redo()) say("there is nothing to redo");
    this.#show();
    this.page.changed();
  }

  /** @param {number} millimetres */
  resizeBrush(millimetres) {
    const slider = byId("brush-size", HTMLInputElement);
    slider.value = String(Number(slider.value) + millimetres);
    this.#show();
  }

  /** The mask as the file that the server takes. */
  async #file() {
    const { volume, image } = this.subject;
    const labels = /** @type {MaskEditor} */ (this.editor).labels;
    return image.kind === "picture" ? writeGrayPng(volume.dims[0], volume.dims[1], labels)
      : gzipped(writeNifti({ dims: volume.dims, affine: volume.affine }, labels));
  }

  /** Keeps what was drawn so far on the server, unless it has it already. */
  async keepDraft() {
    const { editor } = this;
    if (!editor || this.keeping || editor.revision === this.kept) return;
    this.keeping = true;
    const { revision } = editor;
    const line = byId("draft-state", HTMLElement);
    try {
      await sendFile("PUT", withQuery(`${this.path}/draft`, { author: this.author, parent: this.parent }), await this.#file());
      this.kept = revision;
      line.textContent = `Draft kept at ${new Date().toLocaleTimeString("en-GB")}.`;
    } catch (problem) {
      line.textContent = `The draft could not be kept: ${problem instanceof Error ? problem.message : problem}`;
    } finally {
      this.keeping = false;
    }
  }

  /** Offers a draft that was left behind. */
  async lookForDraft() {
    const offer = byId("draft-found", HTMLElement);
    offer.hidden = true;
    const draft = await getDraft(withQuery(`${this.path}/draft`, { author: this.author })).catch(() => null);
    if (!draft || this.editor) return;
    byId("draft-text", HTMLElement).textContent = `A draft of ${this.author} was not saved.`;
    byId("correct", HTMLDetailsElement).open = true;
    offer.hidden = false;
    byId("draft-use", HTMLButtonElement).onclick = () => attempt(async () => {
      const labels = await readLabels(this.subject.image, draft.bytes);
      if (labels.length !== this.subject.volume.data.length) throw new Error("the draft is of another grid than the image");
      if (!this.#begin() || !this.editor) return;
      this.editor = new MaskEditor(this.subject.volume.dims, labels);
      this.editor.revision = 1;
      this.kept = 1;
      this.parent = draft.parent ?? this.parent;
      offer.hidden = true;
      say("the draft is back");
      this.choose("brush");
      this.page.changed();
    });
    byId("draft-forget", HTMLButtonElement).onclick = () => attempt(async () => {
      await send("DELETE", withQuery(`${this.path}/draft`, { author: this.author }));
      offer.hidden = true;
    });
  }

  /** Saves the mask as a new version; nothing is written over. */
  save() {
    return attempt(async () => {
      const { editor } = this;
      if (!editor) throw new Error("nothing was drawn; choose the brush (B) first");
      const name = byId("author", HTMLInputElement);
      if (!name.value.trim()) {
        name.focus();
        throw new Error("write your name into 'Your name'; it is kept with the new version");
      }
      editor.end();
      say("saving", "working");
      const reason = byId("reason", HTMLInputElement).value.trim();
      const version = await sendFile("POST", withQuery(`${this.path}/versions`, {
        author: this.author, reason, parent: this.parent,
      }), await this.#file());
      this.#leave();
      byId("reason", HTMLInputElement).value = "";
      say(`saved as version ${version.version}`);
      await this.page.saved(version.version, editor.labels);
    });
  }

  /** Gives up what was drawn, and its draft. */
  discard() {
    const author = this.author;
    this.#leave();
    this.page.discarded();
    return attempt(async () => {
      try {
        await send("DELETE", withQuery(`${this.path}/draft`, { author }));
      } catch (problem) {
        if (!(problem instanceof Refusal && problem.status === 404)) throw problem;
      }
      say("what was drawn is discarded");
    });
  }

  #leave() {
    this.editor = null;
    this.parent = null;
    byId("draft-state", HTMLElement).textContent = "";
    this.choose("look");
  }

  #listen() {
    const { signal } = this.stop;
    const on = (/** @type {string} */ id, /** @type {string} */ event, /** @type {() => unknown} */ run) =>
      document.getElementById(id)?.addEventListener(event, run, { signal });
    for (const radio of document.querySelectorAll('input[name="tool"]')) {
      radio.addEventListener("change", () => this.choose(/** @type {Tool} */ (/** @type {HTMLInputElement} */ (radio).value)), { signal });
    }
    const author = byId("author", HTMLInputElement);
    author.value ||= localStorage.getItem("groundglass author") ?? "";
    on("author", "change", () => {
      localStorage.setItem("groundglass author", author.value.trim());
      this.lookForDraft();
    });
    on("brush-size", "input", () => this.#show());
    on("interpolate", "click", () => this.interpolate());
    on("undo", "click", () => this.undo());
    on("redo", "click", () => this.redo());
    on("save", "click", () => this.save());
    on("discard", "click", () => this.discard());
  }

  /**
   * What can be drawn.
   * @param {string[]} classes names of the classes 1, 2, ..; empty where the network knows but one
   */
  offer(classes) {
    byId("class-row", HTMLElement).hidden = classes.length < 2;
    fill(byId("class", HTMLSelectElement), ...(classes.length > 0 ? classes : ["infection"]).map((name, index) =>
      make("option", { value: String(index + 1) }, name)));
  }

  /** What can be done now, and how large the brush is. */
  #show() {
    const { editor } = this;
    const unit = this.subject.image.kind === "picture" ? "px" : "mm";
    byId("brush-text", HTMLElement).textContent = `${fixed(2 * this.brushMm, 1)} ${unit}`;
    byId("undo", HTMLButtonElement).disabled = !editor || editor.done.length === 0;
    byId("redo", HTMLButtonElement).disabled = !editor || editor.undone.length === 0;
    byId("interpolate", HTMLButtonElement).disabled = !editor || this.subject.image.kind === "picture";
    byId("save", HTMLButtonElement).disabled = !editor;
    byId("discard", HTMLButtonElement).disabled = !editor;
    const radius = this.tool === "brush" || this.tool === "eraser" ? this.brushMm : this.tool === "fill" ? 0 : null;
    for (const view of this.page.viewer().views) {
      view.brushMm = radius;
      if (radius === null) view.hover = null;
      view.redraw();
    }
  }
}
