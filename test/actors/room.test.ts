import { describe, expect, test } from 'vitest';
import { Room } from '../../actors/room.ts';
import type { StoreSpace } from '../../runtime/ports.ts';
import { stage, storeWith } from './stage.ts';

/** A room in a store that says that it has so much. */
function roomIn(space: StoreSpace | undefined) {
  const { clock, world } = stage();
  const said = { space };
  const state = async () => ({
    ...{ createdAt: 0, lastRevision: 0, keys: 0 },
    ...(said.space === undefined ? {} : { space: said.space }),
  });
  return { clock, said, room: new Room({ store: storeWith(world.store, { state }), blobs: world.blobs, clock }) };
}

/** Whether there is room for one more of 10 kB. */
async function isThere(room: Room): Promise<boolean> {
  return room.expect(9_000).then(
    () => true,
    () => false,
  );
}

const full = { code: 'store.full' };

describe('room for another job', () => {
  test('is there where nothing limits the store', async () => {
    const { room } = roomIn(undefined);
    await expect(room.expect(1_000_000_000)).resolves.toBeUndefined();
  });

  test('ends at nine tenths, also for a burst between two looks', async () => {
    const { room } = roomIn({ bytes: 0, most: 100_000 });
    let passed = 0;
    while (passed < 1_000 && (await isThere(room))) passed++;
    expect(passed).toBe(9);
    await expect(room.expect(9_000)).rejects.toMatchObject(full);
    await expect(room.expect(9_000)).rejects.toThrow('is 90 % full');
  });

  test('is there again when somebody has made some', async () => {
    const { clock, said, room } = roomIn({ bytes: 95_000, most: 100_000 });
    await expect(room.expect(0)).rejects.toMatchObject(full);
    said.space = { bytes: 10_000, most: 100_000 };
    await clock.advance(1_000);
    await expect(room.expect(0)).resolves.toBeUndefined();
  });

  test('for what is put aside is that of its own store; the record beside it takes little of the jobs', async () => {
    const { clock, world } = stage();
    const state = async () => ({ createdAt: 0, lastRevision: 0, keys: 0, space: { bytes: 0, most: 100_000 } });
    const space = async () => ({ bytes: 0, most: 1_000_000 });
    const room = new Room({ store: storeWith(world.store, { state }), blobs: { space }, clock });
    for (let n = 0; n < 4; n++) await clock.until(room.expect(200_000));
    await expect(clock.until(room.expect(200_000))).rejects.toMatchObject({
      code: 'store.full',
      message: expect.stringMatching(
        /^Expected room for a payload that is put aside, or for a file, got a store for blobs that is 80 % full/,
      ),
    });
    await expect(clock.until(room.expect(50_000))).resolves.toBeUndefined();
  });

  test('ends at nine tenths of what the disk allows, and the sentence says that it is the disk', async () => {
    const { room } = roomIn({ bytes: 95 * 1_048_576, most: 100 * 1_048_576, by: 'disk' });
    await expect(room.expect(0)).rejects.toMatchObject({
      ...full,
      message: expect.stringMatching(
        /a broker whose disk is nearly full: .* 95 % of the 100 MiB .*Make room on that disk/,
      ),
    });
  });
});
