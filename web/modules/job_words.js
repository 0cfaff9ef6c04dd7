// What kinds of jobs are called on the pages.

/** @type {Record<string, string>} */
const words = {
  import: "import", predict: "segmentation", measure: "measuring", explain: "Grad-CAM", report: "report", export: "export",
  train: "training", propose: "proposals", send: "sending", fetch: "fetching",
};

/** @param {string} kind */
export function jobWord(kind) {
  return words[kind] ?? kind;
}
