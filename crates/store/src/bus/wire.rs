//! Events as text in a notification: `from <server>`, then a line each.
//!
//! ```text
//! from 4b3f…
//! job job_01… prj_01…
//! queued prj_01…
//! version ver_01… mdl_01… prj_01…
//! metrics ver_01… prj_01…
//! missed 1767225600000000
//! ```
//!
//! A newer server may say more: lines that begin with an unknown word and further words of a known line are passed
//! over. So a kind of event may be added, and a line may become longer; neither may change its meaning.

use std::str::{FromStr, SplitWhitespace};

use nunatak_domain::Timestamp;
use sea_orm::entity::prelude::Uuid;

use super::{Event, Heard, outbox::Batch};

/// PostgreSQL takes less than 8000 bytes; an event has about 100.
const MAX_BYTES: usize = 7900;

/// The texts of a batch: one that only says who is there, where it is empty.
pub(super) fn encode(from: Uuid, batch: &Batch) -> Vec<String> {
    let head = format!("from {}", from.simple());
    let mut texts = vec![head.clone()];
    let missed = batch.missed.map(|since| format!("missed {}", since.micros()));
    for line in batch.events.iter().map(line).chain(missed) {
        let last = texts.len() - 1;
        if texts[last].len() + 1 + line.len() > MAX_BYTES {
            texts.push(head.clone());
        }
        let last = texts.len() - 1;
        texts[last].push('\n');
        texts[last].push_str(&line);
    }
    texts
}

fn line(event: &Event) -> String {
    match event {
        Event::JobChanged { job, project } => format!("job {job} {project}"),
        Event::JobQueued { project } => format!("queued {project}"),
        Event::VersionRegistered { version, model, project } => format!("version {version} {model} {project}"),
        Event::MetricLogged { version, project } => format!("metrics {version} {project}"),
    }
}

/// Who speaks, and what it says as far as it is understood; nothing for what no server wrote.
pub(super) fn decode(text: &str) -> Option<(Uuid, Vec<Heard>)> {
    let mut lines = text.lines();
    let from = lines.next()?.strip_prefix("from ")?.split(' ').next()?.parse().ok()?;
    Some((from, lines.filter_map(heard).collect()))
}

fn heard(line: &str) -> Option<Heard> {
    let mut words = line.split_whitespace();
    Some(match words.next()? {
        "job" => Heard::Event(Event::JobChanged { job: next(&mut words)?, project: next(&mut words)? }),
        "queued" => Heard::Event(Event::JobQueued { project: next(&mut words)? }),
        "version" => Heard::Event(Event::VersionRegistered {
            version: next(&mut words)?,
            model: next(&mut words)?,
            project: next(&mut words)?,
        }),
        "metrics" => Heard::Event(Event::MetricLogged { version: next(&mut words)?, project: next(&mut words)? }),
        "missed" => Heard::Missed { since: Timestamp::from_micros(next(&mut words)?) },
        _ => return None,
    })
}

fn next<T: FromStr>(words: &mut SplitWhitespace<'_>) -> Option<T> {
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use nunatak_domain::{JobId, ModelId, ProjectId, VersionId};

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

    #[test]
    fn what_is_said_is_heard_whatever_its_length() {
        let (version, project) = (VersionId::new(NOW), ProjectId::new(NOW));
        let mut batch = Batch { missed: Some(NOW), ..Batch::default() };
        batch.events.insert(Event::MetricLogged { version, project });
        batch.events.insert(Event::JobQueued { project });
        batch.events.insert(Event::VersionRegistered { version, model: ModelId::new(NOW), project });
        batch.events.extend((0..500).map(|_| Event::JobChanged { job: JobId::new(NOW), project }));
        let from = Uuid::from_u128(7);
        let texts = encode(from, &batch);
        assert!(texts.len() > 2 && texts.iter().all(|text| text.len() < 8000), "{}", texts.len());
        let mut said = Batch::default();
        for text in &texts {
            let (speaker, heard) = decode(text).unwrap();
            assert_eq!(speaker, from);
            for heard in heard {
                match heard {
                    Heard::Event(event) => assert!(said.events.insert(event)),
                    Heard::Missed { since } => said.missed = Some(since),
                }
            }
        }
        assert_eq!(said, batch);
        assert_eq!(decode(&encode(from, &Batch::default())[0]), Some((from, Vec::new())));
    }

    #[test]
    fn what_a_newer_server_says_besides_is_passed_over() {
        let (job, project) = (JobId::new(NOW), ProjectId::new(NOW));
        let text = format!(
            "from {} v9\nalert alr_1 x\njob {job} {project} RUNNING\njob nonsense\n\nmissed soon",
            Uuid::from_u128(7).simple()
        );
        let changed = Heard::Event(Event::JobChanged { job, project });
        assert_eq!(decode(&text), Some((Uuid::from_u128(7), vec![changed])));
        for foreign in ["", "hello", "from nowhere\njob a b"] {
            assert_eq!(decode(foreign), None, "{foreign:?}");
        }
    }
}
