// ONNX Runtime as the process that peer_benchmark talks to. One JSON object per line on standard input, one in answer:
//
//   {"command": "load", "session": NAME, "model": FILE, "threads": T, "batch": N, "dims": {NAME: EXTENT}}
//                                                      {"creation_ns": …, "version": …}
//   {"command": "inputs", "folder": FOLDER}            {}: every session takes input0.npy, input1.npy, … from now on
//   {"command": "outputs", "session": NAME, "folder": FOLDER}                       {"outputs": how many were written}
//   {"command": "run", "session": NAME, "warmup_ms": …, "fewest_warmup_runs": …, "time_ms": …, "fewest_runs": …}
//                                                      {"times_ns": […]}: runs that fill the time, but so many at least
//   {"command": "quit"}
//
// What goes wrong is answered with {"error": MESSAGE}.
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { loadNpy, saveNpy } from '../../tests/onnxruntime/npy.mjs';
import { ort } from '../../tests/onnxruntime/runtime.mjs';

const sessions = new Map(); // by name: { session, feeds }

/// For a time, and for a number of times at least.
async function repeat(time_ms, fewest, once) {
  const start = performance.now();
  for (let i = 0; i < fewest || performance.now() - start < time_ms; ++i) await once();
}

/// Extents of a file's symbolic dimensions: those given, and the batch for what stays open at the front of an input.
async function extents(model, batch, dims) {
  const probe = await ort.InferenceSession.create(model, { graphOptimizationLevel: 'disabled', logSeverityLevel: 3 });
  const open = probe.inputMetadata.map(({ shape }) => shape?.[0]).filter((dim) => typeof dim === 'string' && dim);
  await probe.release();
  return { ...Object.fromEntries(open.map((dim) => [dim, batch])), ...dims };
}

const commands = {
  async load({ session: name, model, threads, batch, dims }) {
    // ONNX Runtime at its best: all optimizations, a known batch, and workers that spin while they wait (its default).
    const options = {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      graphOptimizationLevel: 'all',
      freeDimensionOverrides: await extents(model, batch, dims ?? {}),
      extra: { session: { intra_op: { allow_spinning: '1' } } },
      logSeverityLevel: 3,
    };
    const start = process.hrtime.bigint();
    const session = await ort.InferenceSession.create(model, options);
    const creation = process.hrtime.bigint() - start;
    sessions.set(name, { session, feeds: {} });
    return { creation_ns: Number(creation), version: ort.env.versions.node };
  },

  async inputs({ folder }) {
    for (const entry of sessions.values()) {
      entry.session.inputNames.forEach((name, i) => {
        const { type, dims, data } = loadNpy(join(folder, `input${i}.npy`));
        entry.feeds[name] = new ort.Tensor(type, data, dims);
      });
    }
    return {};
  },

  async outputs({ session: name, folder }) {
    const { session, feeds } = sessions.get(name);
    const results = await session.run(feeds);
    session.outputNames.forEach((output, i) => saveNpy(join(folder, `output${i}.npy`), results[output]));
    return { outputs: session.outputNames.length };
  },

  async run({ session: name, warmup_ms, fewest_warmup_runs, time_ms, fewest_runs }) {
    const { session, feeds } = sessions.get(name);
    await repeat(warmup_ms, fewest_warmup_runs, () => session.run(feeds));
    const times = [];
    await repeat(time_ms, fewest_runs, async () => {
      const start = process.hrtime.bigint();
      await session.run(feeds);
      times.push(Number(process.hrtime.bigint() - start));
    });
    return { times_ns: times };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const request = JSON.parse(line);
    if (request.command === 'quit') break;
    answer = await commands[request.command](request);
  } catch (error) {
    answer = { error: String(error.message ?? error) };
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
}
process.exit(0); // without waiting for ONNX Runtime to take its sessions apart
