/**
 * Tokens: made, listed, changed for new ones and revoked by people, and recognised by whoever serves.
 *
 * Each door keeps all of them in memory and hears of changes as they are written, so that a revoked one opens nothing within
 * moments, whether or not the broker answers.
 */

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { parseDuration } from '../machines/rules/duration.ts';
import { wrongInTenantName } from '../machines/rules/tenant.ts';
import { opens, type TokenKey, type TokenRecord, type TokenScope, tokenScopes } from '../machines/rules/token.ts';
import type { Clock } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import type { Control, Stop } from '../runtime/ports.ts';
import type { Duration } from './submit-options.ts';

/** How a token is made. */
export interface TokenGiven {
  /** What people call it: 1 to 64 characters. */
  label: string;
  scopes: readonly TokenScope[];
  tenant?: string | undefined;
  /** Opens nothing after so long, such as `90d`; for ever unless given. */
  expiresIn?: Duration | undefined;
}

/** A token without what opens it. */
export type TokenView = Omit<TokenRecord, 'keys'>;

/** `secret` is the whole token, and is never shown again. */
export interface TokenMade {
  token: TokenView;
  secret: string;
}

/** What a browser shows from then on in the place of a token. */
export interface SessionMade extends TokenMade {
  /** Epoch ms. */
  until: number;
}

const sessionMs = 12 * 3_600_000;
/** Of one token; the oldest goes where there is another one. */
const sessionsAtMost = 50;

/** A timer that runs for longer is set again. */
const looksAgainMs = 3_600_000;

const shape = /^yard_([0-9a-z]{12})_[\w-]{43}$/;

export class TokenVerbs {
  readonly #control: Control;
  readonly #clock: Clock;

  constructor({ control, clock }: { control: Control; clock: Clock }) {
    this.#control = control;
    this.#clock = clock;
  }

  /** @throws {Fault} `input.invalid` */
  async create(given: TokenGiven): Promise<TokenMade> {
    expectRight(given);
    const { label, scopes, tenant, expiresIn } = given;
    const expiresInMs = expiresIn === undefined ? undefined : msOf('expiresIn', expiresIn);
    const id = this.#clock.unique();
    const secret = newSecret(id);
    const createdAt = this.#clock.now();
    const record = await this.#control.tokens.change(id, () => ({
      token: id,
      label,
      scopes: tokenScopes.filter((scope) => scopes.includes(scope)),
      ...(tenant === undefined ? {} : { tenant }),
      keys: [{ hash: hashOf(secret) }],
      createdAt,
      ...(expiresInMs === undefined ? {} : { expiresAt: createdAt + expiresInMs }),
    }));
    return { token: viewOf(record), secret };
  }

  /** All there ever were, the newest first. */
  async list(): Promise<readonly TokenView[]> {
    const all = await this.#control.tokens.all();
    return all.toSorted((one, other) => other.createdAt - one.createdAt).map(viewOf);
  }

  /**
   * Makes a new secret for a token; the former one opens for `grace` more.
   *
   * @throws {Fault} `input.invalid`, `token.missing`, `token.refused` where it is revoked or has expired.
   */
  async rotate(id: string, { grace }: { grace: Duration }): Promise<TokenMade> {
    const graceMs = msOf('grace', grace);
    const secret = newSecret(id);
    const now = this.#clock.now();
    const record = await this.#control.tokens.change(id, (set) => {
      expectThere(set);
      if (!isValid(set, now))
        throw new Fault('token.refused', `Expected a token that opens something, got ${id}, which does not any more.`);
      const former = set.keys.filter((key) => opensAt(key, now)).map((key) => closing(key, now + graceMs));
      return { ...set, keys: [{ hash: hashOf(secret) }, ...(graceMs === 0 ? [] : former)] };
    });
    return { token: viewOf(record), secret };
  }

  /** It opens nothing more. @throws {Fault} `token.missing` */
  async revoke(id: string): Promise<TokenView> {
    const now = this.#clock.now();
    const record = await this.#control.tokens.change(id, (set) => {
      expectThere(set);
      return { ...set, keys: [], revokedAt: set.revokedAt ?? now };
    });
    return viewOf(record);
  }

  /**
   * Makes another secret that opens what this one does, for a browser: until it is closed, for half a day at most, and never longer
   * than the secret that was shown.
   *
   * @throws {Fault} `token.refused`
   */
  async openSession(shown: string): Promise<SessionMade> {
    const id = idIn(shown) ?? unknown();
    const now = this.#clock.now();
    const secret = newSecret(id);
    let until = 0;
    const record = await this.#control.tokens.change(id, (set) => {
      const key = isValid(set, now) ? keyOf(set, shown, now) : undefined;
      if (key === undefined) return unknown();
      until = Math.min(
        now + sessionMs,
        set.expiresAt ?? Number.POSITIVE_INFINITY,
        key.until ?? Number.POSITIVE_INFINITY,
      );
      const valid = set.keys.filter((each) => opensAt(each, now));
      const sessions = valid.filter(({ session }) => session).slice(1 - sessionsAtMost);
      const others = valid.filter(({ session }) => !session);
      return { ...set, keys: [...others, ...sessions, { hash: hashOf(secret), until, session: true }] };
    });
    return { token: viewOf(record), secret, until };
  }

  /** This secret opens nothing more, where it is that of a session. */
  async closeSession(secret: string): Promise<void> {
    const id = idIn(secret);
    if (id === undefined) return;
    const hash = hashOf(secret);
    await this.#control.tokens.change(id, (set) => ({
      ...set,
      keys: set.keys.filter((key) => key.session !== true || !isSame(key.hash, hash)),
    }));
  }

  /** All tokens as they are from now on, for a door. */
  open(): Promise<TokenBook> {
    return TokenBook.open(this.#control, this.#clock);
  }
}

/**
 * Recognises tokens. One that it does not know may have been made a moment ago: then it reads all of them again, so that a token
 * opens from the moment at which its owner has it.
 */
export class TokenBook {
  readonly #records = new Map<string, TokenRecord>();
  /** Who is to be told where something changes, by the ids of tokens. */
  readonly #watched = new Map<string, Set<() => void>>();
  readonly #control: Control;
  readonly #clock: Clock;
  #stop: Stop = async () => {};
  #reading: Promise<void> | undefined;

  static async open(control: Control, clock: Clock): Promise<TokenBook> {
    const book = new TokenBook(control, clock);
    book.#stop = await control.tokens.watch((record) => book.#keep(record));
    return book;
  }

  private constructor(control: Control, clock: Clock) {
    this.#control = control;
    this.#clock = clock;
  }

  /**
   * Whose token this is, which has to open what needs that scope, or anything where none is named.
   *
   * @throws {Fault} `token.refused` where it is none of ours, is revoked or has expired; `scope.missing`
   */
  async identify(secret: string, needs?: TokenScope): Promise<TokenView> {
    const id = idIn(secret);
    if (id !== undefined && !this.#isKey(id, secret)) await this.#readAgain();
    const record = id === undefined || !this.#isKey(id, secret) ? undefined : this.#records.get(id);
    if (record === undefined) return unknown();
    if (!isValid(record, this.#clock.now()))
      throw new Fault('token.refused', 'Expected a token that is valid, got one that has expired. Ask for a new one.');
    if (needs !== undefined && !opens(record.scopes, needs))
      throw new Fault(
        'scope.missing',
        `Expected a token with the scope \`${needs}\`, got one with ${record.scopes.join(', ')}.`,
      );
    return viewOf(record);
  }

  /** From when on this opens nothing, by what is known now, epoch ms; `undefined` where it has no end. */
  endOf(secret: string): number | undefined {
    const record = this.#records.get(idIn(secret) ?? '');
    const key = record === undefined ? undefined : keyOf(record, secret, this.#clock.now());
    const end = Math.min(key?.until ?? Number.POSITIVE_INFINITY, record?.expiresAt ?? Number.POSITIVE_INFINITY);
    return Number.isFinite(end) ? end : undefined;
  }

  /** Calls back once when this opens nothing any more: it was revoked, has expired, or another one took its place. */
  onEnd(secret: string, ended: () => void): () => void {
    const id = idIn(secret) ?? '';
    const watching = this.#watched.get(id) ?? new Set();
    this.#watched.set(id, watching);
    let cancel = () => {};
    const stop = () => {
      cancel();
      watching.delete(look);
      if (watching.size === 0) this.#watched.delete(id);
    };
    const look = () => {
      cancel();
      const record = this.#records.get(id);
      const now = this.#clock.now();
      if (record === undefined || !isValid(record, now) || !this.#isKey(id, secret)) {
        stop();
        return ended();
      }
      const ends = [record.expiresAt, ...record.keys.map(({ until }) => until)].filter(
        (at) => at !== undefined && at > now,
      );
      const inMs = Math.min(looksAgainMs, ...ends.map((at = now) => at - now));
      cancel = this.#clock.after(inMs, look);
    };
    watching.add(look);
    look();
    return stop;
  }

  close(): Promise<void> {
    return this.#stop();
  }

  #isKey(id: string, secret: string): boolean {
    const record = this.#records.get(id);
    return record !== undefined && keyOf(record, secret, this.#clock.now()) !== undefined;
  }

  /** Resolves once all have been read that were there when it was called: one reading at a time, and the next for all who wait. */
  async #readAgain(): Promise<void> {
    await this.#reading?.catch(() => undefined);
    this.#reading ??= this.#readAll().finally(() => (this.#reading = undefined));
    await this.#reading;
  }

  async #readAll(): Promise<void> {
    for (const record of await this.#control.tokens.all()) this.#keep(record);
  }

  /** What is revoked stays so, in whatever order it is heard. */
  #keep(record: TokenRecord): void {
    if (this.#records.get(record.token)?.revokedAt === undefined) this.#records.set(record.token, record);
    for (const look of [...(this.#watched.get(record.token) ?? [])]) look();
  }
}

function idIn(secret: string): string | undefined {
  return shape.exec(secret)?.[1];
}

/** The key of a token that this secret is, where it opens something now. */
function keyOf({ keys }: TokenRecord, secret: string, now: number): TokenKey | undefined {
  const hash = hashOf(secret);
  return keys.find((key) => opensAt(key, now) && isSame(key.hash, hash));
}

function unknown(): never {
  throw new Fault('token.refused', 'Expected a token of this cluster, got one that is unknown or revoked.');
}

function newSecret(id: string): string {
  return `yard_${id}_${randomBytes(32).toString('base64url')}`;
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

function isSame(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}

function isValid({ expiresAt = Number.POSITIVE_INFINITY, revokedAt }: TokenRecord, now: number): boolean {
  return revokedAt === undefined && now < expiresAt;
}

function opensAt({ until = Number.POSITIVE_INFINITY }: TokenKey, now: number): boolean {
  return now < until;
}

function closing({ hash, until = Number.POSITIVE_INFINITY }: TokenKey, at: number): TokenKey {
  return { hash, until: Math.min(until, at) };
}

function viewOf({ keys: _keys, ...view }: TokenRecord): TokenView {
  return view;
}

function expectThere({ token, createdAt }: TokenRecord): void {
  if (createdAt === 0)
    throw new Fault('token.missing', `Expected a token with id ${token}, found none. See \`yard token list\`.`);
}

function expectRight({ label, scopes, tenant }: TokenGiven): void {
  const wrong = wrongLabel(label) ?? wrongScopes(scopes) ?? wrongTenant(tenant, scopes);
  if (wrong !== undefined) throw new Fault('input.invalid', wrong);
}

function wrongLabel(label: string): string | undefined {
  if (label.trim() !== '' && label.length <= 64) return undefined;
  return `Expected a label of 1 to 64 characters, got ${label.length}.`;
}

function wrongScopes(scopes: readonly TokenScope[]): string | undefined {
  const other = scopes.find((scope) => !tokenScopes.includes(scope));
  if (scopes.length > 0 && other === undefined) return undefined;
  return `Expected scopes out of ${tokenScopes.join(', ')}, got ${other === undefined ? 'none' : `\`${other}\``}.`;
}

function wrongTenant(tenant: string | undefined, scopes: readonly TokenScope[]): string | undefined {
  if (tenant === undefined) return undefined;
  const isTooMuch = scopes.includes('admin');
  return isTooMuch ? 'Expected `admin` to be of the whole cluster, got it with a tenant.' : wrongInTenantName(tenant);
}

function msOf(name: string, given: Duration): number {
  const ms = parseDuration(given);
  if (ms !== undefined) return ms;
  throw new Fault('input.invalid', `Expected \`${name}\` to be a duration such as \`90d\`, got \`${given}\`.`);
}
