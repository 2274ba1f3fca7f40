// client/src/yjs/index.ts: Yjs documents upon texts of a space. Apart from the client, so that a program without them carries no Yjs.
export { createText, type TextOptions } from './create.ts';
export { TextProvider, type ProviderOptions } from './provider.ts';
