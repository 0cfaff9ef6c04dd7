// Runs ONNX models in ONNX Runtime (CPU) for tools/check_exports.
//
//   node tools/run_onnx.mjs FOLDER_OF_ONNXRUNTIME JOBS.json
//
// JOBS: [{"model": FILE, "runs": [{"image": FILE, "shape": [N,C,H,W], "answer": FILE}]}]; images and
// answers are raw little-endian float32, an answer's name with ".OUTPUT" behind it for each output.
// Their shapes go to stdout, one JSON line for each run, or the runtime's complaint.
import { createRequire } from 'node:module'
import { readFileSync, writeFileSync } from 'node:fs'

const [folder, jobsFile] = process.argv.slice(2)
const ort = createRequire(folder + '/')('onnxruntime-node')

for (const { model, runs } of JSON.parse(readFileSync(jobsFile, 'utf8'))) {
  let session, problem
  try {
    session = await ort.InferenceSession.create(model, { logSeverityLevel: 3 })
  } catch (error) {
    problem = String(error.message ?? error)
  }
  for (const { image, shape, answer } of runs) {
    try {
      if (problem) throw new Error(problem)
      const bytes = readFileSync(image)
      const numbers = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
      const result = await session.run({ image: new ort.Tensor('float32', numbers, shape) })
      const shapes = {}
      for (const [name, { data, dims }] of Object.entries(result)) {
        writeFileSync(`${answer}.${name}`, Buffer.from(data.buffer, data.byteOffset, data.byteLength))
        shapes[name] = dims
      }
      console.log(JSON.stringify({ answer, shapes }))
    } catch (error) {
      console.log(JSON.stringify({ answer, error: String(error.message ?? error) }))
    }
  }
  await session?.release()
}
