/**
 * Asks for a token, and exchanges it for a session that scripts cannot read.
 */

import { useState } from 'preact/hooks';
import { ask, Problem, signedOut } from '../ask.ts';
import { useTitle } from '../title.ts';

export function SignIn() {
  const [problem, setProblem] = useState<string>();
  useTitle('Sign in');
  const signIn = async (event: SubmitEvent) => {
    event.preventDefault();
    const field =
      event.currentTarget instanceof HTMLFormElement ? new FormData(event.currentTarget).get('token') : null;
    try {
      await ask('/v1/session', { method: 'POST', body: { token: String(field ?? '').trim() } });
      signedOut.value = false;
    } catch (cause) {
      setProblem(cause instanceof Problem ? cause.message : 'That did not work. Try again.');
    }
  };
  return (
    <main class="sign-in">
      <form onSubmit={(event) => void signIn(event)}>
        <h1>Yardmaster</h1>
        <label>
          Token
          <input name="token" type="password" autocomplete="current-password" required />
        </label>
        <button type="submit" class="main">
          Sign in
        </button>
        {problem !== undefined && (
          <p class="bad" role="alert">
            {problem}
          </p>
        )}
        <p class="note">
          <code>yard token create console --scope operate</code> makes one.
        </p>
      </form>
    </main>
  );
}
