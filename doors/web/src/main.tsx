/**
 * Where the pages begin.
 */

import { render } from 'preact';
import { App } from './app.tsx';
import './style.css';
import './act.css';
import './part/part.css';

const place = document.getElementById('app');
if (place !== null) render(<App />, place);
