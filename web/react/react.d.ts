// react.d.ts: what the types of React 18 leave out: attributes of popovers, which it passes on.
import 'react';

declare module 'react' {
  interface HTMLAttributes<T> {
    popover?: 'auto' | 'manual';
  }
  interface ButtonHTMLAttributes<T> {
    popoverTarget?: string;
  }
}
