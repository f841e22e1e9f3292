// Runs a model in ONNX Runtime and holds it against Fulcrum's result.
//
//   node onnxruntime.mjs input MODEL.onnx BATCH INPUT.npy                    writes an input that fits the model
//   node onnxruntime.mjs compare MODEL.onnx INPUT.npy OUTPUT.npy TOLERANCE   compares ONNX Runtime's output with OUTPUT
//
// ONNX_RUNTIME_FOLDER is where `npm install onnxruntime-node` ran. The tolerance is a part of the largest |output|.
import { createRequire } from 'node:module';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';

const require = createRequire(resolve(process.env.ONNX_RUNTIME_FOLDER ?? '.', 'package.json'));
const ort = require('onnxruntime-node');

/// A float32 array in C order, as Fulcrum writes it.
function loadNpy(path) {
  const bytes = readFileSync(path);
  const headerEnd = 10 + bytes.readUInt16LE(8);
  const header = bytes.toString('latin1', 10, headerEnd);
  if (!header.includes("'<f4'") || !header.includes("'fortran_order': False")) {
    throw new Error(`${path}: is not float32 in C order`);
  }
  const dims = header.match(/\(([^)]*)\)/)[1].split(',').filter((s) => s.trim()).map(Number);
  const data = new Float32Array(bytes.buffer.slice(bytes.byteOffset + headerEnd, bytes.byteOffset + bytes.length));
  return { dims, data };
}

function saveNpy(path, { dims, data }) {
  let header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${dims.join(', ')}${dims.length === 1 ? ',' : ''}), }`;
  header = header.padEnd(128 - 10 - 1) + '\n';
  const start = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8]);
  writeFileSync(path, Buffer.concat([start, Buffer.from(header, 'latin1'), Buffer.from(data.buffer)]));
}

/// Uniform in [0, 1), the same every time (Marsaglia's xorshift32).
function randomValues(count) {
  let state = 2463534242;
  return Float32Array.from({ length: count }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  });
}

async function makeInput(model, batch, path) {
  const session = await ort.InferenceSession.create(model);
  const [input] = session.inputMetadata;
  const dims = input.shape.map((extent) => (typeof extent === 'number' && extent > 0 ? extent : Number(batch)));
  saveNpy(path, { dims, data: randomValues(dims.reduce((a, b) => a * b, 1)) });
}

async function compare(model, inputPath, outputPath, tolerance) {
  const session = await ort.InferenceSession.create(model);
  const input = loadNpy(inputPath);
  const results = await session.run({ [session.inputNames[0]]: new ort.Tensor('float32', input.data, input.dims) });
  const theirs = results[session.outputNames[0]];
  const ours = loadNpy(outputPath);
  if (theirs.dims.join() !== ours.dims.join()) {
    console.log(`${basename(model)}: ONNX Runtime's output is (${theirs.dims}), Fulcrum's (${ours.dims})`);
    return false;
  }
  let largest = 0;
  let difference = 0;
  for (let i = 0; i < ours.data.length; ++i) {
    largest = Math.max(largest, Math.abs(theirs.data[i]));
    const d = Math.abs(theirs.data[i] - ours.data[i]);
    difference = d > difference || Number.isNaN(d) ? d : difference;
  }
  const relative = difference === 0 ? 0 : difference / largest;
  const agrees = relative <= Number(tolerance);
  console.log(`${basename(model)}: outputs (${theirs.dims}) differ by ${relative.toExponential(1)} of the largest` +
              `${agrees ? '' : `, more than ${tolerance}`}`);
  return agrees;
}

const [command, ...rest] = process.argv.slice(2);
if (command === 'input' && rest.length === 3) {
  await makeInput(...rest);
} else if (command === 'compare' && rest.length === 4) {
  process.exitCode = (await compare(...rest)) ? 0 : 1;
} else {
  console.error('usage: onnxruntime.mjs input MODEL BATCH INPUT | compare MODEL INPUT OUTPUT TOLERANCE');
  process.exitCode = 2;
}
