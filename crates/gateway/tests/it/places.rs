//! A gateway with a database of places: what backends and other proxies are
//! told, and what rules see.

use asgard_model::mmdb::{Value, Writer};

use crate::{
    backend::Backend,
    stage::{Stage, status, yaml},
};

/// Two places: one with everything, one with its country only.
fn database() -> Vec<u8> {
    let text = Value::Text;
    let map = Value::Map;
    let names = |name| map(vec![("names", map(vec![("en", text(name))]))]);
    let berlin = map(vec![
        ("city", names("Berlin")),
        ("continent", map(vec![("code", text("EU"))])),
        (
            "country",
            map(vec![
                ("iso_code", text("DE")),
                ("names", map(vec![("en", text("Germany"))])),
            ]),
        ),
        (
            "location",
            map(vec![
                ("latitude", Value::Double(52.5)),
                ("longitude", Value::Double(-13.25)),
                ("time_zone", text("Europe/Berlin")),
            ]),
        ),
        ("postal", map(vec![("code", text("10115"))])),
        (
            "subdivisions",
            Value::Array(vec![map(vec![("iso_code", text("BE"))])]),
        ),
    ]);
    let chile = map(vec![("country", map(vec![("iso_code", text("CL"))]))]);
    let mut writer = Writer::new("GeoLite2-City", "places of a test", 1);
    for (block, value) in [("192.0.2.0/25", berlin), ("192.0.2.128/25", chile)]
    {
        let record = writer.record(&value).unwrap();
        writer.insert(block.parse().unwrap(), record);
    }
    writer.finish().unwrap()
}

const TOLD: [(&str, &str); 9] = [
    ("Country", "DE"),
    ("Country-Name", "Germany"),
    ("City", "Berlin"),
    ("Timezone", "Europe/Berlin"),
    ("Postal-Code", "10115"),
    ("Subdivision", "BE"),
    ("Continent", "EU"),
    ("Latitude", "52.5"),
    ("Longitude", "-13.25"),
];

/// A gateway that has read the database, and what lives as long.
async fn stage(backend: &Backend) -> (Stage, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("city.mmdb");
    std::fs::write(&file, database()).unwrap();
    let rest = format!(
        "trusted_proxies: [127.0.0.1/32]\n\
         verdict: {{bind: '127.0.0.1:0', on_failure: deny, \
         trusted_peers: [127.0.0.1/32]}}\n\
         features: {{geoip: {{enabled: true, \
         database: {{source: file, path: {}}}, \
         downstream_headers: {{enabled: true}}, \
         policy_usage: {{enabled: true}}}}}}\n\
         rules:\n\
         - {{name: list, action: DENY, path: /list, geoip: [DE, FR], \
         response: {{status: 451}}}}\n\
         - {{name: text, action: DENY, response: {{status: 410}}, \
         expression: 'path == \"/text\" && geoCountry == \"CL\"'}}\n",
        file.display()
    );
    let stage = Stage::of(&yaml(backend.address, &rest)).await;
    stage.gateway.load_data(None).await.unwrap();
    (stage, folder)
}

/// The lines about places in a text, as name and value.
fn told(text: &str) -> Vec<(&str, &str)> {
    text.lines()
        .filter_map(|line| line.strip_prefix("X-Rescaled-Geo-"))
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, value)| (name, value.trim()))
        .collect()
}

#[tokio::test]
async fn backends_and_proxies_are_told_the_place_in_nine_headers() {
    let backend = Backend::start().await;
    let (stage, _folder) = stage(&backend).await;
    let forged =
        "X-Rescaled-Geo-Country: XX\r\nx_rescaled_geo_city: forged\r\n";
    let nothing: Vec<_> = TOLD.iter().map(|(name, _)| (*name, "")).collect();
    let mut country = nothing.clone();
    country[0].1 = "CL";
    for (client, wanted) in [
        ("192.0.2.9", TOLD.to_vec()),
        ("::ffff:192.0.2.9", TOLD.to_vec()),
        ("192.0.2.200", country),
        ("198.51.100.1", nothing),
    ] {
        let fields = format!("X-Forwarded-For: {client}\r\n{forged}");
        let echo = stage.get("/", &fields).await;
        assert_eq!(status(&echo), 200, "{echo}");
        let (_, seen) = echo.split_once("\r\n\r\n").unwrap();
        assert_eq!(told(seen), wanted, "{client}");
        assert!(!seen.contains("forged"), "{seen}");
        let verdict = stage.verdict(client, "/", forged).await;
        assert_eq!(status(&verdict), 204, "{verdict}");
        assert_eq!(told(&verdict), wanted, "{client}");
    }
}

#[tokio::test]
async fn rules_match_the_country_of_the_client() {
    let backend = Backend::start().await;
    let (stage, _folder) = stage(&backend).await;
    for (path, client, wanted) in [
        ("/list", "192.0.2.9", 451),
        ("/list", "192.0.2.200", 200),
        ("/list", "198.51.100.1", 200),
        ("/text", "192.0.2.200", 410),
        ("/text", "192.0.2.9", 200),
        // A client whose place is unknown is in no country.
        ("/text", "198.51.100.1", 200),
    ] {
        let fields = format!("X-Forwarded-For: {client}\r\n");
        let answer = stage.get(path, &fields).await;
        assert_eq!(status(&answer), wanted, "{path} {client}: {answer}");
        let verdict = stage.verdict(client, path, "").await;
        let wanted = if wanted == 200 { 204 } else { wanted };
        assert_eq!(status(&verdict), wanted, "{path} {client}: {verdict}");
    }
    assert_eq!(backend.seen(), 4);
}
