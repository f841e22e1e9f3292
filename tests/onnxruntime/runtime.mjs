// ONNX Runtime as scripts/install_onnxruntime.sh installs it. ONNX_RUNTIME_FOLDER is where `npm install` ran.
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const require = createRequire(resolve(process.env.ONNX_RUNTIME_FOLDER ?? '.', 'package.json'));
export const ort = require('onnxruntime-node');
