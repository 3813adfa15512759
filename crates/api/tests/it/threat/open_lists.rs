//! `/feeds/edl?expand=prefixes`: anybody may ask for it, with any parameters.

use super::office::Office;

const LIST: &str = "/v1/feeds/edl?expand=prefixes&max_score=100&guard=off";

async fn good(office: &Office, more: &str) -> String {
    let reply = office.app.get_open(&format!("{LIST}{more}")).await;
    assert_eq!(reply.status.as_u16(), 200, "{more}: {}", reply.text());
    reply.text().to_owned()
}

#[tokio::test]
async fn lists_of_nobody_leave_nothing_on_disk() {
    let office = Office::open().await;
    for n in 1..20 {
        assert!(!good(&office, &format!("&n={n}")).await.is_empty());
    }
    let app = &office.app.app;
    app.feeds.keep(&app.store, (app.clock)()).await.unwrap();
    let files = std::fs::read_dir(office.app.dir().join("feeds"));
    assert_eq!(files.map_or(0, Iterator::count), 0);
}

#[tokio::test]
async fn parameters_that_differ_by_nothing_that_matters_name_one_list() {
    let office = Office::open().await;
    let renders = async || office.metric("asgard_feeds_rendered_total").await;
    let first = good(&office, "&min_confidence=0.101").await;
    let before = renders().await;
    for n in 101..105 {
        let more = format!("&min_confidence=0.{n}1");
        assert_eq!(good(&office, &more).await, first);
    }
    assert_eq!(renders().await, before);
    good(&office, "&min_confidence=0.11").await;
    assert_eq!(renders().await, before + 1);
}
