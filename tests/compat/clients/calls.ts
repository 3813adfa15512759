// Proves that a typed client of the document compiles strictly and gets what
// the types promise. test_clients.py generates schema.d.ts beside it and runs
// it with the server's URL and a key.
import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

declare const process: { argv: string[]; exit(code: number): never };

const [, , baseUrl, key] = process.argv;
const client = createClient<paths>({
  baseUrl: baseUrl!,
  headers: { "X-API-Key": key! },
});

function expect(fact: boolean, what: string) {
  if (!fact) {
    console.error(what);
    process.exit(1);
  }
}

const profile = await client.GET("/v1/asn/{asn}", {
  params: { path: { asn: 15169 } },
});
expect(profile.data?.name === "GOOGLE", "the profile");
const score: number = profile.data!.risk_score;
expect(score >= 0 && score <= 100, "the score");
const threat: number = profile.data!.breakdown.threat;
expect(threat === 100, "the parts of the score");

const unknown = await client.GET("/v1/asn/{asn}", {
  params: { path: { asn: 4294967295 } },
});
expect(unknown.error?.code === "HTTP_404", "the error");

const history = await client.GET("/v1/asn/{asn}/history", {
  params: { path: { asn: 15169 }, query: { days: 7, limit: 5 } },
});
expect((history.data?.data.length ?? 0) > 0, "the history");

const bulk = await client.POST("/v1/tools/bulk-risk-check", {
  body: { asns: [15169, 4294967295] },
});
const levels = bulk.data?.results.map((result) => result.level);
expect(levels?.join() === "LOW,UNKNOWN", "the bulk check");

const compared = await client.GET("/v1/tools/compare", {
  params: { query: { asn_a: 15169, asn_b: 64496 } },
});
expect(compared.data?.comparison.safer_overall === 15169, "the comparison");

const added = await client.POST("/v1/whitelist", {
  body: { asn: 64501, reason: "compat" },
});
expect(added.data?.status === "success", "the whitelist");

console.log("ok");
