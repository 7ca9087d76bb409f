//! Roles, ordered: each may do all that the ones below it may.

use crate::states::stored_enum;

stored_enum! {
    /// What a member is in a workspace or project. The workspace's role holds in each of its projects;
    /// the higher of the two counts.
    Role: i16 {
        Guest = 10,
        Reporter = 20,
        Developer = 30,
        Maintainer = 40,
        Owner = 50,
    }
}

impl Role {
    /// The word that the policy uses.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Reporter => "reporter",
            Self::Developer => "developer",
            Self::Maintainer => "maintainer",
            Self::Owner => "owner",
        }
    }
}
