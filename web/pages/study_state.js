// What the study page shows at the moment; the files beside it read and change it.

import { imagePath } from "../modules/study_image.js";

const query = new URLSearchParams(location.search);

/** The study that the page's address names. */
export const studyId = query.get("study") ?? "";

/** The image that the address names, if it does. */
export const wantedImage = query.get("image");

export const state = {
  /** @type {import("../modules/api.js").Study | null} */ study: null,
  /** @type {import("../modules/api.js").Image | null} */ image: null,
  /** @type {import("../modules/api.js").ImageVersion[]} */ versions: [],
  /** @type {import("../modules/api.js").VersionDetail | null} */ detail: null,
  /** The mask of the version. @type {Uint8Array | null} */ mask: null,
  /** @type {import("../modules/measures.js").ThresholdMeasures | null} */ thresholds: null,
  /** The lungs that the program measured last. @type {number | null} */ lungMl: null,
  /** Counts Grad-CAMs that were made while the page is open. */
  explained: 0,
  threshold: 0.5,
  modelThreshold: 0.5,
  /** @type {import("../modules/viewer.js").Viewer | null} */ viewer: null,
  /** @type {import("../modules/correction.js").CorrectionDesk | null} */ desk: null,
  /** @type {import("../modules/windows.js").NamedWindow[]} */ windows: [],
  /** Counts loads, so that answers to an older one are thrown away. */
  turn: 0,
};

/** Path of the image below /api/v1. */
export const thePath = () => imagePath(studyId, state.image?.id ?? 0);

/** Whether the slider has been moved away from the model's threshold. */
export const isPreview = () => state.detail?.kind === "network" && state.thresholds !== null
  && Math.abs(state.threshold - state.modelThreshold) > 1e-9;
