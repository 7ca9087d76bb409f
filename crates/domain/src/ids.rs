//! Public ids: `UUIDv7` inside, TypeID text outside (`ver_01j…`, the TypeID specification 0.3).

use std::{fmt, str::FromStr, sync::Mutex};

use uuid::{ContextV7, Uuid};

use crate::Timestamp;

/// Crockford's base 32, lower case, as the TypeID specification has it.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 128 bits in groups of five need 26 characters; the first carries only three bits.
const SUFFIX_LENGTH: usize = 26;

/// Why a text is not the id that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("expected an id that starts with `{expected}_`, got `{got}`")]
    Prefix { expected: &'static str, got: String },
    #[error("`{0}` is not a valid id: after the prefix come 26 characters of 0-9a-z without i, l, o, u")]
    Suffix(String),
}

fn encode(uuid: Uuid) -> String {
    let bits = uuid.as_u128();
    (0..SUFFIX_LENGTH)
        .map(|place| ALPHABET[((bits >> (5 * (SUFFIX_LENGTH - 1 - place))) & 31) as usize] as char)
        .collect()
}

fn decode(suffix: &str) -> Option<Uuid> {
    if suffix.len() != SUFFIX_LENGTH || suffix.as_bytes()[0] > b'7' {
        return None;
    }
    suffix
        .bytes()
        .try_fold(0u128, |bits, byte| {
            let digit = ALPHABET.iter().position(|&known| known == byte)?;
            Some((bits << 5) | digit as u128)
        })
        .map(Uuid::from_u128)
}

/// The prefix of a TypeID text, before its last underscore.
#[must_use]
pub fn prefix_of(text: &str) -> &str {
    text.rsplit_once('_').map_or("", |(prefix, _)| prefix)
}

/// Counts up within a millisecond, so that what one process makes later sorts later.
static SEQUENCE: Mutex<ContextV7> = Mutex::new(ContextV7::new());

fn uuid_v7(now: Timestamp) -> Uuid {
    let micros = now.micros().max(0).unsigned_abs();
    let nanos = u32::try_from(micros % 1_000_000 * 1_000).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(&SEQUENCE, micros / 1_000_000, nanos))
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl $name {
            pub const PREFIX: &'static str = $prefix;

            /// A fresh id, ordered by `now` and after every id that this process made before.
            #[must_use]
            pub fn new(now: Timestamp) -> Self {
                Self(uuid_v7(now))
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}_{}", $prefix, encode(self.0))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let suffix = text.strip_prefix(concat!($prefix, "_"))
                    .ok_or_else(|| IdError::Prefix { expected: $prefix, got: text.chars().take(40).collect() })?;
                decode(suffix).map(Self).ok_or_else(|| IdError::Suffix(text.chars().take(40).collect()))
            }
        }
        impl From<$name> for Uuid {
            fn from(id: $name) -> Uuid { id.0 }
        }
        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self { Self(uuid) }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    UserId "usr";
    ApiTokenId "tok";
    WorkspaceId "ws";
    ProjectId "prj";
    UploadId "upl";
    DatasetId "ds";
    DatasetVersionId "dsv";
    DetectorId "det";
    RunnerId "rnr";
    JobId "job";
    SweepId "swp";
    ScheduleId "sch";
    ScheduleRunId "run";
    PromotionId "prm";
    ModelId "mdl";
    VersionId "ver";
    TagId "tag";
    PredictionId "prd";
    FigureId "fig";
    AuditEventId "aud";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_follows_the_typeid_specification() {
        // Vectors of the specification's valid.json.
        for (uuid, suffix) in [
            ("00000000-0000-0000-0000-000000000000", "00000000000000000000000000"),
            ("ffffffff-ffff-ffff-ffff-ffffffffffff", "7zzzzzzzzzzzzzzzzzzzzzzzzz"),
            ("01890a5d-ac96-774b-bcce-b302099a8057", "01h455vb4pex5vsknk084sn02q"),
        ] {
            let id = VersionId(uuid.parse().unwrap());
            assert_eq!(id.to_string(), format!("ver_{suffix}"));
            assert_eq!(id.to_string().parse::<VersionId>().unwrap(), id);
        }
    }

    #[test]
    fn foreign_and_broken_ids_are_refused() {
        let text = ModelId::new(Timestamp::from_micros(1_700_000_000_000_000)).to_string();
        assert!(matches!(text.parse::<VersionId>(), Err(IdError::Prefix { .. })));
        for broken in ["ver_", "ver_80000000000000000000000000", "ver_0000000000000000000000000i", "ver_é"] {
            assert!(matches!(broken.parse::<VersionId>(), Err(IdError::Suffix(_))), "{broken}");
        }
    }

    #[test]
    fn ids_sort_by_time() {
        let early = JobId::new(Timestamp::from_micros(1_700_000_000_000_000));
        let late = JobId::new(Timestamp::from_micros(1_700_000_000_001_000));
        assert!(early < late && early.to_string() < late.to_string());
        let same = Timestamp::from_micros(1_700_000_000_002_000);
        let burst: Vec<JobId> = (0..1000).map(|_| JobId::new(same)).collect();
        assert!(burst.is_sorted() && late < burst[0]);
    }
}
