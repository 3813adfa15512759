// Finds a nonce so that SHA-256(seed + nonce) begins with enough zeros.
// SHA-256 (FIPS 180-4) is spelled out: crypto.subtle is missing on plain HTTP.
(function () {
  "use strict";
  var d = document.getElementById("work").dataset;
  var K = new Int32Array(64), H0 = new Int32Array(8), W = new Int32Array(64);
  (function () {
    var n = 2, i = 0, k;
    function frac(x) { return ((x - Math.floor(x)) * 4294967296) | 0; }
    while (i < 64) {
      for (k = 2; k * k <= n && n % k; k++);
      if (k * k > n) {
        if (i < 8) H0[i] = frac(Math.sqrt(n));
        K[i++] = frac(Math.cbrt(n));
      }
      n++;
    }
  })();
  function compress(h, m, at) {
    var i, a = h[0], b = h[1], c = h[2], e = h[4], f = h[5], g = h[6];
    var p = h[3], q = h[7], x, y, s, t;
    for (i = 0; i < 64; i++) {
      if (i < 16) {
        W[i] = (m[at + 4 * i] << 24) | (m[at + 4 * i + 1] << 16) |
          (m[at + 4 * i + 2] << 8) | m[at + 4 * i + 3];
      } else {
        x = W[i - 15]; y = W[i - 2];
        W[i] = (W[i - 16] + W[i - 7] +
          (((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)) +
          (((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10))) | 0;
      }
      s = (q + (((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^
        ((e >>> 25) | (e << 7))) + ((e & f) ^ (~e & g)) + K[i] + W[i]) | 0;
      t = ((((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^
        ((a >>> 22) | (a << 10))) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      q = g; g = f; f = e; e = (p + s) | 0; p = c; c = b; b = a; a = (s + t) | 0;
    }
    h[0] += a; h[1] += b; h[2] += c; h[3] += p;
    h[4] += e; h[5] += f; h[6] += g; h[7] += q;
  }
  // The seed is 64 characters: one block, hashed once.
  var seed = new Uint8Array(64), i;
  for (i = 0; i < 64; i++) seed[i] = d.work.charCodeAt(i);
  var start = Int32Array.from(H0);
  compress(start, seed, 0);
  var block = new Uint8Array(64), h = new Int32Array(8);
  function zeros(nonce) {
    var text = String(nonce), n = text.length, k, bits = (64 + n) * 8;
    block.fill(0);
    for (k = 0; k < n; k++) block[k] = text.charCodeAt(k);
    block[n] = 128;
    block[62] = bits >> 8; block[63] = bits & 255;
    h.set(start);
    compress(h, block, 0);
    for (k = 0; k < 64; k++) {
      if ((h[k >> 3] >>> (28 - 4 * (k & 7))) & 15) return k;
    }
    return 64;
  }
  var wanted = +d.difficulty, nonce = 0, expected = Math.pow(16, wanted);
  var bar = document.querySelector("progress");
  function run() {
    var end = Date.now() + 40;
    do {
      for (var k = 0; k < 200; k++, nonce++) {
        if (zeros(nonce) >= wanted) {
          location.replace(d.redeem + "&nonce=" + nonce);
          return;
        }
      }
    } while (Date.now() < end);
    bar.value = 1 - Math.exp(-nonce / expected);
    setTimeout(run, 0);
  }
  setTimeout(run, 0);
})();
