// NumPy's .npy files in and out, as ONNX Runtime's tensors have them: { type, dims, data }.
import { readFileSync, writeFileSync } from 'node:fs';

/// Element types by their names in ONNX Runtime and in .npy files.
export const types = [
  { name: 'float32', descr: '<f4', array: Float32Array },
  { name: 'float64', descr: '<f8', array: Float64Array },
  { name: 'int64', descr: '<i8', array: BigInt64Array },
  { name: 'int32', descr: '<i4', array: Int32Array },
  { name: 'int8', descr: '|i1', array: Int8Array },
  { name: 'uint8', descr: '|u1', array: Uint8Array },
  { name: 'bool', descr: '|b1', array: Uint8Array },
];

/// An array in C order, as Fulcrum writes it.
export function loadNpy(path) {
  const bytes = readFileSync(path);
  const headerEnd = 10 + bytes.readUInt16LE(8);
  const header = bytes.toString('latin1', 10, headerEnd);
  const type = types.find(({ descr }) => header.includes(`'${descr}'`));
  if (!type || !header.includes("'fortran_order': False")) throw new Error(`${path}: has another type, or is not in C order`);
  const dims = header.match(/\(([^)]*)\)/)[1].split(',').filter((s) => s.trim()).map(Number);
  const data = new type.array(bytes.buffer.slice(bytes.byteOffset + headerEnd, bytes.byteOffset + bytes.length));
  return { type: type.name, dims, data };
}

/// Writes a tensor of ONNX Runtime.
export function saveNpy(path, { type, dims, data }) {
  const { descr } = types.find(({ name }) => name === type);
  const shape = `(${dims.join(', ')}${dims.length === 1 ? ',' : ''})`;
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`.padEnd(128 - 10 - 1) + '\n';
  const start = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8]);
  const elements = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  writeFileSync(path, Buffer.concat([start, Buffer.from(header, 'latin1'), elements]));
}
