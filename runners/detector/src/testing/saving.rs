//! What holds for artefacts.

use super::{Break, Promise, Subject, broken, table};
use crate::{Artifact, Context};

pub(super) const REPEATS: Promise =
    Promise { name: "repeats", says: "makes the same bytes of the same data, hyperparameters and seed", keep: repeats };

pub(super) const RELOADS: Promise =
    Promise { name: "reloads", says: "changes no bit of scores or bytes by saving and loading", keep: reloads };

fn repeats(subject: &Subject<'_>) -> Result<(), Break> {
    let frame = table(300);
    if subject.train(&frame)?.artifact == subject.train(&frame)?.artifact {
        return Ok(());
    }
    broken(
        "the second training made other bytes: draw random numbers from `Hyperparameters::seed` alone, and add up in a fixed order",
    )
}

fn reloads(subject: &Subject<'_>) -> Result<(), Break> {
    let frame = table(300);
    let trained = subject.train_quickly(&frame)?;
    let model = subject.model(&trained.artifact)?;
    let again = model.fitted().training_scores(&frame, &Context::quiet(9))?;
    if let Some(row) = again.iter().zip(&trained.scores).position(|(a, b)| a.to_bits() != b.to_bits()) {
        let (before, after) = (trained.scores[row], again[row]);
        return broken(format!("row {} scored {before} before saving and {after} after loading", row + 1));
    }
    let saved = model.fitted().save();
    if saved.preprocessing != trained.header.preprocessing {
        return broken("what was loaded saves another standardisation");
    }
    let resaved = Artifact { header: trained.header, tensors: saved.tensors };
    if resaved.encode()? == trained.artifact { Ok(()) } else { broken("what was loaded saves other bytes") }
}
