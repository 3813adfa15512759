//! A page of past scores.

use asgard_model::Asn;
use asgard_store::HistoryPage;
use serde::Serialize;
use utoipa::ToSchema;

use super::moment;

/// A page of past scores, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryView {
    #[schema(value_type = u32, minimum = 1)]
    asn: Asn,
    total: u64,
    offset: u32,
    limit: u32,
    data: Vec<PointView>,
}

#[derive(Debug, Serialize, ToSchema)]
struct PointView {
    timestamp: String,
    score: u8,
}

impl HistoryView {
    /// Shows a page that was asked for with `offset` and `limit`.
    pub fn new(asn: Asn, page: &HistoryPage, offset: u32, limit: u32) -> Self {
        let points = page.points.iter().map(|&(at, score)| PointView {
            timestamp: moment::bare(at),
            score,
        });
        let data = points.collect();
        Self { asn, total: page.total, offset, limit, data }
    }
}
