// Keeps the files of one release together, so the till starts without a network. A newer release is fetched beside it,
// waits, and takes over only when the page says so: between payments.
const NAME = 'till-' + 'VERSION';
const FILES = ['FILES'];
// What reads codes is large and seldom changes: fetched when a camera first opens, kept apart from the releases.
const READER = 'till-reader-' + 'READER';
const LATER = ['LATER'];

self.addEventListener('install', (event) => event.waitUntil(
  caches.open(NAME).then((kept) => kept.addAll(FILES.map((path) => new Request(path, { cache: 'no-cache' })))),
));

self.addEventListener('activate', (event) => event.waitUntil((async () => {
  for (const name of await caches.keys()) if (name.startsWith('till-') && ![NAME, READER].includes(name)) await caches.delete(name);
  await self.clients.claim();
})()));

async function later(request, path) {
  const kept = await caches.open(READER);
  const hit = await kept.match(path);
  if (hit) return hit;
  const answer = await fetch(request);
  if (answer.status === 200) await kept.put(path, answer.clone()).catch(() => {}); // a full disk: fetched again then
  return answer;
}

self.addEventListener('fetch', (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (event.request.method !== 'GET' || origin !== self.location.origin) return;
  if (LATER.includes(pathname)) event.respondWith(later(event.request, pathname));
  if (!FILES.includes(pathname)) return;
  event.respondWith(
    caches.open(NAME).then((kept) => kept.match(pathname)).then((hit) => hit ?? fetch(event.request)),
  );
});

self.addEventListener('message', (event) => {
  if (event.data === 'take over') self.skipWaiting();
  if (event.data === 'version') event.ports[0].postMessage(NAME);
});
