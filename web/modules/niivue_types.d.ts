// The program serves NiiVue's one file as /niivue.js; its types come from the package.
declare module "*/niivue.js" {
  export * from "@niivue/niivue";
}
