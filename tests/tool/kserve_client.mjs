// A client of the KServe v2 protocol, written from its specification and not from the server's code:
//
//   node kserve_client.mjs http://127.0.0.1:PORT MODEL
//
// MODEL takes (N, 4) numbers and gives (N, 3). Ends with 1 and a sentence when something is not as specified.
import http from 'node:http';
import net from 'node:net';

const [base, model] = process.argv.slice(2);
const agent = new http.Agent({keepAlive: true, maxSockets: 4});
let connections = 0;
const connect = agent.createConnection.bind(agent);
agent.createConnection = (...given) => (++connections, connect(...given));

function check(good, what) {
  if (!good) {
    console.error(`not as specified: ${what}`);
    process.exit(1);
  }
}

function ask(method, path, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(base + path, {method, agent, headers: body ? {...headers, 'Content-Length': body.length} : headers}, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => resolve({status: response.statusCode, headers: response.headers, body: Buffer.concat(parts)}));
    });
    request.on('error', reject);
    request.end(body);
  });
}
const json = (answer) => JSON.parse(answer.body.toString());

async function infer(inputs, more = {}) {
  return ask('POST', `/v2/models/${model}/infer`, Buffer.from(JSON.stringify({inputs, ...more})), {'Content-Type': 'application/json'});
}

/// With tensors behind the JSON.
async function inferBinary(values, shape) {
  const data = Buffer.from(new Float32Array(values).buffer);
  const head = Buffer.from(JSON.stringify({
    inputs: [{name: 'input', shape, datatype: 'FP32', parameters: {binary_data_size: data.length}}],
    parameters: {binary_data_output: true},
  }));
  const answer = await ask('POST', `/v2/models/${model}/infer`, Buffer.concat([head, data]),
                           {'Content-Type': 'application/octet-stream', 'Inference-Header-Content-Length': head.length});
  check(answer.status === 200, `binary request: ${answer.status} ${answer.body}`);
  const length = Number(answer.headers['inference-header-content-length']);
  const response = JSON.parse(answer.body.subarray(0, length).toString());
  let at = length;
  return response.outputs.map((output) => {
    const size = output.parameters.binary_data_size;
    const bytes = answer.body.subarray(at, at += size);
    return {...output, values: Array.from(new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + size)))};
  });
}

// Health and metadata.
for (const path of ['/v2/health/live', '/v2/health/ready', `/v2/models/${model}/ready`]) check((await ask('GET', path)).status === 200, path);
const server = json(await ask('GET', '/v2'));
for (const key of ['name', 'version', 'extensions']) check(key in server, `server metadata lack ${key}`);
const metadata = json(await ask('GET', `/v2/models/${model}`));
check(metadata.name === model && metadata.platform && Array.isArray(metadata.versions), 'model metadata');
check(metadata.inputs[0].datatype === 'FP32' && metadata.inputs[0].shape[0] === -1, 'the input in the metadata');
check((await ask('GET', `/v2/models/${model}/versions/${metadata.versions[0]}`)).status === 200, 'metadata of a version');

// Inference: JSON flat and nested, an id that comes back, several samples, bytes, all the same.
const values = Array.from({length: 12}, (_, i) => Math.fround(Math.sin(i)));
const flat = json(await infer([{name: 'input', shape: [3, 4], datatype: 'FP32', data: values}], {id: 'q 1'}));
check(flat.id === 'q 1' && flat.model_name === model, 'id and model_name');
check(JSON.stringify(flat.outputs[0].shape) === '[3,3]' && flat.outputs[0].data.length === 9, 'shape of the output');
const nested = json(await infer([{name: 'input', shape: [3, 4], datatype: 'FP32', data: [0, 4, 8].map((i) => values.slice(i, i + 4))}]));
const [binary] = await inferBinary(values, [3, 4]);
for (let i = 0; i < 9; ++i) {
  check(flat.outputs[0].data[i] === nested.outputs[0].data[i], 'nested data');
  check(Math.abs(Math.fround(flat.outputs[0].data[i]) - binary.values[i]) < 1e-5, 'binary data');
}
const named = json(await infer([{name: 'input', shape: [1, 4], datatype: 'FP32', data: values.slice(0, 4)}], {outputs: [{name: flat.outputs[0].name}]}));
check(named.outputs.length === 1, 'outputs by name');

// Errors: a JSON object with "error", and a status of the client's fault.
const bad = await infer([{name: 'input', shape: [3, 5], datatype: 'FP32', data: values}]);
check(bad.status === 400 && json(bad).error, 'a wrong shape');
check((await ask('GET', '/v2/models/nobody')).status === 404, 'an unknown model');
check(json(await ask('GET', '/v2/models/nobody')).error, 'an error is said');

// Many at once over few connections that are kept.
const answers = await Promise.all(Array.from({length: 200}, (_, i) => infer([{name: 'input', shape: [1, 4], datatype: 'FP32', data: [i, 0, 0, 1]}], {id: String(i)})));
answers.forEach((answer, i) => check(json(answer).id === String(i), 'answers go to who asked'));
check(connections <= 4, `${connections} connections were opened: they are not kept`);

// Pipelining.
const [host, port] = new URL(base).host.split(':');
const pipeline = await new Promise((resolve, reject) => {
  const socket = net.connect(Number(port), host);
  let text = '';
  socket.on('data', (part) => {
    text += part;
    if (text.split('HTTP/1.1 200').length === 11) socket.end();
  });
  socket.on('close', () => resolve(text));
  socket.on('error', reject);
  socket.write('GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(10));
});
check(pipeline.split('HTTP/1.1 200').length === 11, 'ten requests in a row');

// The repository extension.
const index = json(await ask('POST', '/v2/repository/index', Buffer.from('{"ready": true}')));
check(index.some((one) => one.name === model && one.state === 'READY'), 'the index');
check((await ask('POST', `/v2/repository/models/${model}/unload`)).status === 200, 'unload');
check((await infer([{name: 'input', shape: [1, 4], datatype: 'FP32', data: [1, 2, 3, 4]}])).status >= 400, 'unloaded');
check((await ask('POST', `/v2/repository/models/${model}/load`)).status === 200, 'load');
check((await infer([{name: 'input', shape: [1, 4], datatype: 'FP32', data: [1, 2, 3, 4]}])).status === 200, 'loaded again');
console.log('as specified');
agent.destroy();
