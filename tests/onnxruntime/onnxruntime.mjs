// Runs a model in ONNX Runtime and holds it against Fulcrum's results.
//
//   node onnxruntime.mjs inputs MODEL.onnx BATCH FOLDER        writes input0.npy, input1.npy, … that fit the model into
//                                                              FOLDER; prints how many inputs and outputs it has
//   node onnxruntime.mjs compare MODEL.onnx FOLDER TOLERANCE   compares ONNX Runtime's outputs with output0.npy, …
//
// The tolerance is a part of the largest |output|.
import { basename, join } from 'node:path';
import { loadNpy, saveNpy, types } from './npy.mjs';
import { ort } from './runtime.mjs';

/// Uniform in [0, 1), the same every time (Marsaglia's xorshift32); of integers and truth values, 0 and 1.
function randomValues(type, count) {
  const { array } = types.find(({ name }) => name === type);
  let state = 2463534242;
  return array.from({ length: count }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const value = (state >>> 0) / 2 ** 32;
    if (type.startsWith('float')) return value;
    return type === 'int64' ? BigInt(Math.round(value)) : Math.round(value);
  });
}

async function makeInputs(model, batch, folder) {
  const session = await ort.InferenceSession.create(model);
  session.inputMetadata.forEach((input, i) => {
    const dims = input.shape.map((extent) => (typeof extent === 'number' && extent > 0 ? extent : Number(batch)));
    const data = randomValues(input.type, dims.reduce((a, b) => a * b, 1));
    saveNpy(join(folder, `input${i}.npy`), { type: input.type, dims, data });
  });
  console.log(`${session.inputNames.length} ${session.outputNames.length}`);
}

/// Whether one output agrees; says by how much it differs.
function agrees(title, theirs, ours, tolerance) {
  if (theirs.dims.join() !== ours.dims.join()) {
    console.log(`${title}: ONNX Runtime's output is (${theirs.dims}), Fulcrum's (${ours.dims})`);
    return false;
  }
  let largest = 0;
  let difference = 0;
  for (let i = 0; i < ours.data.length; ++i) {
    const value = Number(theirs.data[i]);
    largest = Math.max(largest, Math.abs(value));
    const d = Math.abs(value - Number(ours.data[i]));
    difference = d > difference || Number.isNaN(d) ? d : difference;
  }
  const relative = difference === 0 ? 0 : difference / largest;
  const good = relative <= Number(tolerance);
  console.log(`${title}: outputs (${theirs.dims}) differ by ${relative.toExponential(1)} of the largest` +
              `${good ? '' : `, more than ${tolerance}`}`);
  return good;
}

async function compare(model, folder, tolerance) {
  const session = await ort.InferenceSession.create(model);
  const feeds = {};
  session.inputNames.forEach((name, i) => {
    const { type, dims, data } = loadNpy(join(folder, `input${i}.npy`));
    feeds[name] = new ort.Tensor(type, data, dims);
  });
  const results = await session.run(feeds);
  return session.outputNames
    .map((name, i) => agrees(basename(model), results[name], loadNpy(join(folder, `output${i}.npy`)), tolerance))
    .every((good) => good);
}

const [command, ...rest] = process.argv.slice(2);
if (command === 'inputs' && rest.length === 3) {
  await makeInputs(...rest);
} else if (command === 'compare' && rest.length === 3) {
  process.exitCode = (await compare(...rest)) ? 0 : 1;
} else {
  console.error('usage: onnxruntime.mjs inputs MODEL BATCH FOLDER | compare MODEL FOLDER TOLERANCE');
  process.exitCode = 2;
}
