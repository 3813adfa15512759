// A browser in front of a challenge: `challenge.mjs BROWSER URL` prints what it
// saw as JSON.
import { createRequire } from "node:module";

const { chromium } = createRequire(`${process.env.NODE_PATH}/x`)(
  "playwright-core",
);
const [executablePath, url] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
  ],
});
try {
  const page = await browser.newPage({ viewport: { width: 360, height: 640 } });
  const errors = [];
  const foreign = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    // The status of the page itself is logged as an error, as it should be.
    if (message.type() === "error" && !/status of 403/.test(message.text())) {
      errors.push(message.text());
    }
  });
  const origin = new URL(url).origin;
  page.on("request", (request) => {
    if (!request.url().startsWith(origin)) foreign.push(request.url());
  });
  const first = await page.goto(url, { waitUntil: "domcontentloaded" });
  // A quick calculation may have led on already: then nobody saw the page.
  const overflow = await page.evaluate(
    () => document.title !== "The shop" &&
      document.documentElement.scrollWidth > window.innerWidth,
  ).catch(() => null);
  await page.waitForFunction(() => document.title === "The shop", null, {
    timeout: 60000,
  });
  const title = await page.title();
  const text = await page.content();
  const again = await page.reload();
  console.log(JSON.stringify({
    first: first.status(), title, url: page.url(), errors, foreign, overflow,
    cookieShown: text.includes("asgard_pass"), again: again.status(),
  }));
} finally {
  await browser.close();
}
