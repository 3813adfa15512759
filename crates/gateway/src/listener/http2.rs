//! A connection of HTTP/2.

use std::sync::Arc;

use crate::{decide::From, wire::Wire, worker::Worker};

pub(super) async fn serve(_wire: Wire, _from: From, _worker: &Arc<Worker>) {}
