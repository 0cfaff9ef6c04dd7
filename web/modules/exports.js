// What can be taken away: masks, DICOM objects, overlays and reports.

import { finished, jobFileUrl, send } from "./api.js";
import { download, fill, make } from "./dom.js";
import { say } from "./frame.js";

/**
 * @param {import("./api.js").Image} image
 * @returns {{value: string, text: string}[]}
 */
export function exportFormats(image) {
  const mask = image.kind === "picture" ? "mask (PNG)" : "mask (NIfTI)";
  return [
    { value: "nifti", text: mask }, { value: "png", text: "overlay (PNG)" },
    ...(image.dicom ? [{ value: "seg", text: "DICOM SEG" }, { value: "sr", text: "DICOM SR" }] : []),
    { value: "nnunet", text: "training set of this study (nnU-Net)" },
  ];
}

/**
 * Has the server write a file and downloads it.
 * @param {{study: string, image?: number, version?: number, format: string}} what
 * @param {HTMLElement} place where the link stands afterwards
 */
export async function runExport({ study, image, version, format }, place) {
  const path = `/studies/${encodeURIComponent(study)}`;
  say(`writing the ${format === "report" ? "report" : "export"}`, "working");
  const asked = format === "report" ? send("POST", `${path}/jobs`, { kind: "report" })
    : format === "nnunet" ? send("POST", "/exports", { studies: [study] })
      : send("POST", `${path}/exports`, { image, version, format });
  const job = await finished((await asked).id);
  const name = job.file ?? `export.${format}`;
  fill(place, make("a", { href: jobFileUrl(job.id), download: name }, `Download ${name}`));
  say(`${name} is written`);
  download(jobFileUrl(job.id), name);
}
