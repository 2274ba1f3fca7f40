// tests/react_dom.d.ts: React's server for other places than node, which its types leave out; it draws in nothing of node's.
declare module 'react-dom/server.browser' {
  export { renderToString } from 'react-dom/server';
}
