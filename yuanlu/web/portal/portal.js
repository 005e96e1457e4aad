// The customer's page with a script: a photo is made small on the phone and handed in by itself, again after a break;
// and whoever writes a card number or password is warned before it leaves. Without it the page's forms do all of this.
// What it may use of a browser stands in docs/reference/portal.md: a test takes everything else away.
'use strict';

(() => {
  const SIDE_MAX = 1600;
  const QUALITY = 0.85;
  const WAIT_SECONDS = [1, 2, 4, 8, 16];
  const TIMEOUT_MS = 120000;
  const NAMED = /(密码|口令|安全码|验证码|password|passwd|pwd|cvv2?|cvc2?|\bpin)\s{0,3}[:：=是为]\s{0,3}[!-~]{3,}/i;
  const DIGITS = /\d(?:[\s\-.·_]{0,3}\d){12,18}/g;

  // Whether what is drawn on a canvas comes out as it was: some browsers give noise, to hide which one they are.
  function isHonest() {
    const canvas = document.createElement('canvas');
    const pen = canvas.getContext('2d');
    pen.fillStyle = '#3579bd';
    pen.fillRect(0, 0, 1, 1);
    return pen.getImageData(0, 0, 1, 1).data.slice(0, 3).join() === '53,121,189';
  }

  // A photo as a JPEG of at most 1,600 pixels a side, with nothing in it but what is seen. Where that fails: as it is.
  function shrunk(file, done) {
    if (!/^image\//.test(file.type)) {
      done(file, file.name);
      return;
    }
    try {
      const image = new Image();
      image.onerror = () => done(file, file.name);
      image.onload = () => {
        try {
          const part = Math.min(1, SIDE_MAX / Math.max(image.naturalWidth, image.naturalHeight));
          const canvas = document.createElement('canvas');
          canvas.width = Math.max(1, Math.round(image.naturalWidth * part));
          canvas.height = Math.max(1, Math.round(image.naturalHeight * part));
          const pen = canvas.getContext('2d');
          pen.fillStyle = '#fff';
          pen.fillRect(0, 0, canvas.width, canvas.height);
          pen.drawImage(image, 0, 0, canvas.width, canvas.height);
          URL.revokeObjectURL(image.src);
          canvas.toBlob((made) => {
            if (made && isHonest()) done(made, file.name.replace(/\.[^.]*$/, '') + '.jpg');
            else done(file, file.name);
          }, 'image/jpeg', QUALITY);
        } catch (trouble) {
          done(file, file.name);
        }
      };
      image.src = URL.createObjectURL(file);
    } catch (trouble) {
      done(file, file.name);
    }
  }

  // The part of the page with the photos. A file is sent as soon as it is chosen.
  function photos() {
    const part = document.getElementById('photos');
    const form = part && part.querySelector('form');
    if (!form) return;
    const chosen = form.querySelector('input[type=file]');
    const press = form.querySelector('button');
    const told = part.querySelector('[role=status]');
    const bar = part.querySelector('progress');
    let isBusy = false;
    press.hidden = true;
    part.className = 'quick';

    const tell = (name, number) => { told.textContent = part.dataset[name].replace('{n}', number); };

    function rest() {
      isBusy = false;
      bar.hidden = true;
      chosen.disabled = false;
    }

    function send(body, name, turn) {
      const data = new FormData();
      for (const field of form.querySelectorAll('input[type=hidden]')) data.append(field.name, field.value);
      data.append('file', body, name);
      const call = new XMLHttpRequest();
      const again = () => {
        if (turn < WAIT_SECONDS.length) {
          tell('again', WAIT_SECONDS[turn]);
          setTimeout(() => send(body, name, turn + 1), WAIT_SECONDS[turn] * 1000);
          return;
        }
        rest();
        tell('failed');
        press.hidden = false;
      };
      tell('sending', 0);
      bar.value = 0;
      call.upload.onprogress = (event) => {
        if (!event.lengthComputable) return;
        bar.value = 100 * event.loaded / event.total;
        tell('sending', Math.floor(bar.value));
      };
      call.upload.onload = () => tell('checking');
      call.onload = () => {
        if (call.status === 429 || call.status >= 500 || !call.response) again();
        else ended(call.response);
      };
      call.onerror = again;
      call.ontimeout = again;
      call.open('POST', form.action);
      call.responseType = 'document';
      call.timeout = TIMEOUT_MS;
      call.send(data);
    }

    // The answer is the page as it now stands: its photos take the place of ours, and what was wrong stands above them.
    function ended(page) {
      const now = page.getElementById('photos');
      if (!now) {
        rest();
        tell('failed');
        press.hidden = false;
        return;
      }
      const wrong = page.querySelector('.wrong');
      part.replaceWith(document.importNode(now, true));
      const here = document.getElementById('photos');
      if (wrong) here.insertBefore(document.importNode(wrong, true), here.firstChild);
      else here.querySelector('[role=status]').textContent = part.dataset.done;
      photos();
    }

    function begin() {
      if (isBusy || !chosen.files.length) return;
      isBusy = true;
      const file = chosen.files[0];
      bar.hidden = false;
      press.hidden = true;
      tell('shrinking');
      chosen.disabled = true;
      shrunk(file, (body, name) => send(body, name, 0));
    }

    chosen.addEventListener('change', begin);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      begin();
    });
  }

  // Luhn's check, as cards have it.
  function isCard(run) {
    const digits = run.replace(/\D/g, '');
    let sum = 0;
    for (let place = 0; place < digits.length; place += 1) {
      let one = Number(digits[digits.length - 1 - place]);
      if (place % 2) one = one > 4 ? 2 * one - 9 : 2 * one;
      sum += one;
    }
    return sum % 10 === 0;
  }

  function warns() {
    for (const field of document.querySelectorAll('textarea')) {
      const line = document.createElement('p');
      line.className = 'careful';
      line.setAttribute('role', 'status');
      field.after(line);
      field.addEventListener('input', () => {
        const text = field.value;
        const isSecret = NAMED.test(text) || (text.match(DIGITS) || []).some(isCard);
        line.textContent = isSecret ? document.querySelector('main').dataset.careful : '';
      });
    }
  }

  photos();
  warns();
})();
