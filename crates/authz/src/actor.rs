use nunatak_domain::{ApiTokenId, JobId, ProjectId, TokenScope, UserId, VersionId};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    Anonymous,
    User {
        id: UserId,
        login: String,
        /// Instance administrator: owner everywhere.
        is_admin: bool,
        /// The API token in use, with what it is limited to; `None` for a login session (unlimited).
        token: Option<(ApiTokenId, Vec<TokenScope>)>,
    },
    /// A runner at work on one attempt of one job.
    Job {
        id: JobId,
        attempt: i32,
        project: ProjectId,
        on_behalf_of: UserId,
    },
    /// A runner that loads the file of one version, in order to score rows with it at once.
    Scorer {
        version: VersionId,
        project: ProjectId,
        on_behalf_of: UserId,
    },
}

impl Actor {
    /// The user who answers for what is done.
    #[must_use]
    pub const fn user_id(&self) -> Option<UserId> {
        match self {
            Self::Anonymous => None,
            Self::User { id, .. } => Some(*id),
            Self::Job { on_behalf_of, .. } | Self::Scorer { on_behalf_of, .. } => Some(*on_behalf_of),
        }
    }

    #[must_use]
    pub const fn is_admin(&self) -> bool {
        matches!(self, Self::User { is_admin: true, .. })
    }

    #[must_use]
    pub const fn token_id(&self) -> Option<ApiTokenId> {
        match self {
            Self::User { token: Some((id, _)), .. } => Some(*id),
            _ => None,
        }
    }
}
