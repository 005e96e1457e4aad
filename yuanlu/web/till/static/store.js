// What the till keeps through reloads and flat batteries: who it is, who works at it, what it sent and has no word of.

const STORES = ['state', 'charges', 'outbox'];
let base = 'yuanlu-till';
let opened;

/** From now on all is kept in another database: practice never mixes with what really was. */
export const apart = (name) => { base = name; opened = undefined; };

const db = () => (opened ??= new Promise((done, fail) => {
  const asked = indexedDB.open(base, 1);
  asked.onupgradeneeded = () => STORES.forEach((name) => asked.result.createObjectStore(name));
  asked.onsuccess = () => done(asked.result);
  asked.onerror = () => fail(asked.error);
}));

/** One act in a transaction of its own; answers when it is on the disk. */
async function act(name, mode, what) {
  const work = (await db()).transaction(name, mode, { durability: 'strict' });
  const asked = what(work.objectStore(name));
  return new Promise((done, fail) => {
    work.oncomplete = () => done(asked.result);
    work.onabort = work.onerror = () => fail(work.error);
  });
}

export const get = (name, key) => act(name, 'readonly', (store) => store.get(key));
export const all = (name) => act(name, 'readonly', (store) => store.getAll());
export const put = (name, key, value) => act(name, 'readwrite', (store) => store.put(value, key));
/** Read and write in one act: `how` gets what is there and gives what shall be; undefined: nothing. */
export const change = (name, key, how) => act(name, 'readwrite', (store) => {
  const asked = store.get(key);
  asked.onsuccess = () => {
    const next = how(asked.result);
    if (next === undefined) store.delete(key); else store.put(next, key);
  };
  return asked;
});
export const drop = (name, key) => act(name, 'readwrite', (store) => store.delete(key));
