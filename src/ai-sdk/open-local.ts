/**
 * Opens models that run here: all that needs the ONNX engine, and so its native library.
 *
 * It is imported when a local model is first opened, and by nothing before. The package
 * `@emergent-alignment/ai-sdk` has this one file in another form: it takes both names from
 * `emergent-alignment`, where that is installed.
 */
export { formatOf } from '../open/actor.js';
export { type OpenModel, openModel } from '../open/model.js';
