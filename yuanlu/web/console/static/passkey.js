// Passkeys: a button that asks this device, and sends its answer in the form it stands in. Without them: password and code.

const able = Boolean(window.PublicKeyCredential?.parseRequestOptionsFromJSON);

/** The fields of a form that the server asks its options by: `data-fields`, those of an act without their `act_`. */
function told(form, names) {
  const fields = names.split(' ').filter(Boolean).map((name) => [name.replace(/^act_/, ''), form.elements[name]?.value ?? '']);
  return Object.fromEntries(fields.map(([name, text]) => [name, name.endsWith('_fen') ? Number(text) : text]));
}

async function answered(button) {
  const { form } = button;
  const headers = { 'content-type': 'application/json', 'x-csrf-token': form.elements.csrf?.value ?? '' };
  const body = JSON.stringify(told(form, button.dataset.fields ?? ''));
  const answer = await fetch(button.dataset.passkey, { method: 'POST', headers, body });
  const { options, says } = await answer.json();
  if (!answer.ok) throw new Error(says ?? '');
  const isNew = 'rp' in options;
  const publicKey = PublicKeyCredential[isNew ? 'parseCreationOptionsFromJSON' : 'parseRequestOptionsFromJSON'](options);
  const credential = await navigator.credentials[isNew ? 'create' : 'get']({ publicKey });
  form.elements.credential.value = JSON.stringify(credential.toJSON());
  form.submit();
}

for (const button of able ? document.querySelectorAll('[data-passkey]') : []) {
  button.hidden = false;
  button.addEventListener('click', () => {
    const wrong = button.form.querySelector('[data-passkey-wrong]');
    wrong.hidden = true;
    answered(button).catch(() => { wrong.hidden = false; wrong.focus(); });
  });
}

// An invitation stands behind the # of its link, which no server is sent: it is put into its field here.
const token = document.querySelector('[data-token]');
if (token && location.hash.length > 1) {
  token.value = location.hash.slice(1);
  history.replaceState(null, '', location.pathname + location.search);
}
const isFirst = () => token.value.includes('yo_');
for (const field of token ? document.querySelectorAll('[data-first-owner]') : []) field.hidden = !isFirst();
