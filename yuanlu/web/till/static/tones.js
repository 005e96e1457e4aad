// Sounds that are told apart without looking: made here, no files. And the phone's own shake.

// Each: [Hz, seconds from the start, seconds long]
const TONES = {
  paid: [[880, 0, 0.12], [1175, 0.13, 0.22]],
  wrong: [[220, 0, 0.18], [220, 0.24, 0.28]],
  waiting: [[660, 0, 0.09]],
};
const SHAKES = { paid: [60], wrong: [120, 80, 120], waiting: [30] };

export const settings = { sound: true, shake: true };
export const played = []; // what was played last, newest at the end: for the self-check, and for tests

let context;

export function play(name) {
  played.push(name);
  if (played.length > 20) played.shift();
  if (settings.shake && navigator.userActivation?.hasBeenActive) navigator.vibrate?.(SHAKES[name]);
  if (!settings.sound) return;
  context ??= new AudioContext();
  if (context.state === 'suspended') context.resume().catch(() => {});
  for (const [pitch, at, long] of TONES[name]) {
    const [tone, gain, start] = [context.createOscillator(), context.createGain(), context.currentTime + at];
    tone.type = name === 'wrong' ? 'square' : 'sine';
    tone.frequency.value = pitch;
    gain.gain.setValueAtTime(0.0001, start);
    gain.gain.exponentialRampToValueAtTime(name === 'wrong' ? 0.12 : 0.3, start + 0.015);
    gain.gain.exponentialRampToValueAtTime(0.0001, start + long);
    tone.connect(gain).connect(context.destination);
    tone.start(start);
    tone.stop(start + long + 0.02);
  }
}
