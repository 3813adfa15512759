//! Which bodies go when there are too many: those of the owner that has most,
//! the oldest first. So nobody loses anything to the polls of somebody else
//! until he has more than an equal part himself.

use std::{
    collections::{HashMap, VecDeque},
    fs, io,
    path::PathBuf,
    time::SystemTime,
};

use super::{Directory, FOLDER};
use crate::{BodyKind, StoreError};

/// The folder is looked through after so much of a budget was written.
const PART: u64 = 32;

/// What was written since the folder was last looked through, by kind; `None`
/// before the first write, since another process may have left anything.
#[derive(Debug, Default)]
pub(super) struct Written([Option<(u64, u64)>; BodyKind::VALUES.len()]);

/// What is kept of one kind.
#[derive(Clone, Copy, Debug)]
struct Budget {
    bytes: u64,
    bodies: usize,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Body {
    owner: String,
    written: SystemTime,
    bytes: u64,
    path: PathBuf,
}

impl Written {
    /// Adds a body; `true` if it is time to look through the folder, from which
    /// on it counts anew.
    pub(super) fn add(&mut self, kind: BodyKind, bytes: usize) -> bool {
        let place = &mut self.0[kind as usize];
        let (written, bodies) = place.unwrap_or((u64::MAX, 0));
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let (written, bodies) = (written.saturating_add(bytes), bodies + 1);
        let most = u64::try_from(kind.max_bodies()).unwrap_or(u64::MAX);
        let due = written >= kind.max_bytes() / PART || bodies >= most / PART;
        *place = Some(if due { (0, 0) } else { (written, bodies) });
        due
    }
}

/// Deletes what is beyond the budget of a kind.
pub(super) fn prune(
    directory: &Directory,
    kind: BodyKind,
) -> Result<(), StoreError> {
    let folder = directory.file(FOLDER);
    let bodies =
        list(&folder, kind).map_err(|e| StoreError::file(&folder, &e))?;
    let budget = Budget { bytes: kind.max_bytes(), bodies: kind.max_bodies() };
    for body in excess(bodies, budget) {
        // Another process may have been faster.
        let _ = fs::remove_file(body.path);
    }
    Ok(())
}

fn list(folder: &PathBuf, kind: BodyKind) -> io::Result<Vec<Body>> {
    let ending = format!(".{}", kind.as_str());
    let mut bodies = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let Some(stem) = name.strip_suffix(&ending) else { continue };
        let about = match entry.metadata() {
            Ok(about) => about,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let owner = stem.split_once('-').map_or(stem, |(owner, _)| owner);
        bodies.push(Body {
            owner: owner.to_owned(),
            written: about.modified()?,
            bytes: about.len(),
            path: entry.path(),
        });
    }
    Ok(bodies)
}

/// What has to go.
fn excess(mut bodies: Vec<Body>, budget: Budget) -> Vec<Body> {
    bodies.sort_by_key(|body| body.written);
    let mut bytes: u64 = bodies.iter().map(|body| body.bytes).sum();
    let mut count = bodies.len();
    let mut owners: HashMap<String, (u64, VecDeque<Body>)> = HashMap::new();
    for body in bodies {
        let (held, queue) = owners.entry(body.owner.clone()).or_default();
        *held += body.bytes;
        queue.push_back(body);
    }
    let mut gone = Vec::new();
    while bytes > budget.bytes || count > budget.bodies {
        let heavy = bytes > budget.bytes;
        let most =
            owners.values_mut().max_by_key(|(held, queue)| match heavy {
                true => *held,
                false => u64::try_from(queue.len()).unwrap_or(u64::MAX),
            });
        let Some((held, queue)) = most else { break };
        let Some(oldest) = queue.pop_front() else { break };
        *held -= oldest.bytes;
        bytes -= oldest.bytes;
        count -= 1;
        gone.push(oldest);
    }
    gone
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn body(owner: &str, second: u64, bytes: u64) -> Body {
        Body {
            owner: owner.to_owned(),
            written: SystemTime::UNIX_EPOCH + Duration::from_secs(second),
            bytes,
            path: PathBuf::from(format!("{owner}{second}")),
        }
    }

    fn gone(bodies: Vec<Body>, bytes: u64, most: usize) -> Vec<String> {
        let gone = excess(bodies, Budget { bytes, bodies: most });
        gone.iter().map(|body| body.path.display().to_string()).collect()
    }

    #[test]
    fn who_has_most_loses_the_oldest_first() {
        let all = || {
            vec![
                body("modest", 1, 10),
                body("greedy", 5, 10),
                body("greedy", 3, 10),
                body("greedy", 4, 10),
            ]
        };
        assert_eq!(gone(all(), 40, 4), [""; 0]);
        assert_eq!(gone(all(), 39, 4), ["greedy3"]);
        assert_eq!(gone(all(), 40, 2), ["greedy3", "greedy4"]);
        assert_eq!(gone(all(), 0, 4).len(), 4);
    }

    #[test]
    fn bodies_of_no_bytes_are_counted_too() {
        let many: Vec<Body> = (0..9).map(|n| body("a", n, 0)).collect();
        assert_eq!(gone(many, 100, 8), ["a0"]);
    }

    #[test]
    fn the_folder_is_looked_through_at_first_and_once_in_a_while() {
        let mut written = Written::default();
        assert!(written.add(BodyKind::Base, 0), "another process was here");
        let mut looks = 0;
        for _ in 0..BodyKind::Base.max_bodies() {
            looks += u64::from(written.add(BodyKind::Base, 0));
        }
        assert_eq!(looks, PART);
        assert!(written.add(BodyKind::Base, 1 << 30), "it was large");
    }
}
