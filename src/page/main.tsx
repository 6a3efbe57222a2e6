/** Entry of the dashboard's page. */
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import { render } from 'preact';
import { App } from './app.js';
import { follow } from './live.js';
import { Store } from './store.js';

const store = new Store();
const place = document.getElementById('app')!;
// the words of the page before its script
place.replaceChildren();
follow(store);
render(<App store={store} />, place);
