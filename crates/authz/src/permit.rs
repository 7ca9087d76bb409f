use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use casbin::{CoreApi, DefaultModel, Enforcer, StringAdapter};
use nunatak_domain::{ApiTokenId, ProjectId, Role, TokenScope, UserId, WorkspaceId};

use crate::{Action, Actor};

/// Where an action would happen, and the actor's role there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The whole installation: users, tokens, runners, new workspaces.
    Instance,
    Workspace {
        id: WorkspaceId,
        role: Option<Role>,
    },
    /// `role` is the higher of the workspace's and the project's.
    Project {
        id: ProjectId,
        row: i64,
        workspace: WorkspaceId,
        role: Option<Role>,
    },
}

/// Proof that an action was allowed there. Only [`Authorizer::permit`] makes one; store functions that write ask for it.
#[derive(Debug, Clone)]
pub struct Permit {
    action: Action,
    scope: Scope,
    user: UserId,
    token: Option<ApiTokenId>,
    actor: Actor,
}

/// The action is not allowed. The API decides whether that shows as forbidden or as absent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not permitted: {action}{}", .needs.map(|scope| format!(" (the token lacks the scope {scope:?})")).unwrap_or_default())]
pub struct Denied {
    pub action: Action,
    /// Set where the role would do but the token's scopes do not.
    pub needs: Option<TokenScope>,
    /// Nobody is signed in.
    pub anonymous: bool,
}

/// The policy, loaded once and never changed: no lock. Each question is put to it once; evaluating the policy's lines
/// takes a tenth of a millisecond, and every request asks.
#[derive(Clone)]
pub struct Authorizer(Arc<Policy>);

struct Policy {
    enforcer: Enforcer,
    /// What was answered to each question that there is.
    answers: HashMap<(&'static str, Action), OnceLock<bool>>,
}

/// Who is no member of anything.
const OTHERS: [&str; 4] = ["admin", "user", "job", "scorer"];

impl std::fmt::Debug for Authorizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authorizer")
    }
}

impl Authorizer {
    /// Loads the embedded model and policy.
    ///
    /// # Errors
    /// When the embedded files do not parse, which a test rules out.
    pub async fn load() -> Result<Self, casbin::Error> {
        let model = DefaultModel::from_str(include_str!("../model.conf")).await?;
        let policy = StringAdapter::new(include_str!("../policy.csv"));
        let enforcer = Enforcer::new(model, policy).await?;
        let subjects = Role::ALL.iter().map(|role| role.word()).chain(OTHERS);
        let questions = subjects.flat_map(|subject| Action::ALL.iter().map(move |action| (subject, *action)));
        let answers = questions.map(|question| (question, OnceLock::new())).collect();
        Ok(Self(Arc::new(Policy { enforcer, answers })))
    }

    /// # Errors
    /// [`Denied`] when neither the role nor the actor's own word is allowed the action there.
    pub fn permit(&self, actor: &Actor, action: Action, scope: Scope) -> Result<Permit, Denied> {
        let denied = |needs| Denied { action, needs, anonymous: *actor == Actor::Anonymous };
        let user = actor.user_id().ok_or_else(|| denied(None))?;
        if !self.allows(subject(actor, scope).ok_or_else(|| denied(None))?, action) {
            return Err(denied(None));
        }
        if let Actor::User { token: Some((_, scopes)), .. } = actor {
            let needs = scope_needed(action);
            if !scopes.iter().any(|&held| covers(held, needs)) {
                return Err(denied(Some(needs)));
            }
        }
        Ok(Permit { action, scope, user, token: actor.token_id(), actor: actor.clone() })
    }

    /// Whether the policy lets `subject` (a role's word, `admin`, `user`, `job` or `scorer`) do `action`.
    #[must_use]
    pub fn allows(&self, subject: &str, action: Action) -> bool {
        let Policy { enforcer, answers } = &*self.0;
        let ask = || enforcer.enforce((subject, action.word())).unwrap_or(false);
        answers.get(&(subject, action)).map_or_else(ask, |answer| *answer.get_or_init(ask))
    }
}

fn subject(actor: &Actor, scope: Scope) -> Option<&'static str> {
    match (actor, scope) {
        (Actor::Anonymous, _) => None,
        (Actor::Job { project, .. }, Scope::Project { id, .. }) => (*project == id).then_some("job"),
        (Actor::Scorer { project, .. }, Scope::Project { id, .. }) => (*project == id).then_some("scorer"),
        (Actor::Job { .. } | Actor::Scorer { .. }, _) => None,
        (Actor::User { is_admin: true, .. }, _) => Some("admin"),
        (Actor::User { .. }, Scope::Instance) => Some("user"),
        (Actor::User { .. }, Scope::Workspace { role, .. } | Scope::Project { role, .. }) => role.map(Role::word),
    }
}

/// The weakest token scope under which an action may be done.
fn scope_needed(action: Action) -> TokenScope {
    match action {
        Action::ReadUsers
        | Action::ReadProject
        | Action::ReadMembers
        | Action::Download
        | Action::ReadDatasets
        | Action::ReadVersions
        | Action::ReadPrivateVersions
        | Action::Score
        | Action::ReadJobs
        | Action::ReadPredictions
        | Action::ReadAudit => TokenScope::Read,
        Action::RegisterRunner | Action::OfferScoring | Action::ExecuteJobs => TokenScope::Runner,
        _ => TokenScope::Write,
    }
}

/// Writing includes reading; running jobs is apart.
const fn covers(held: TokenScope, needed: TokenScope) -> bool {
    matches!(
        (held, needed),
        (TokenScope::Write, TokenScope::Write | TokenScope::Read)
            | (TokenScope::Read, TokenScope::Read)
            | (TokenScope::Runner, TokenScope::Runner)
    )
}

impl Permit {
    #[must_use]
    pub const fn action(&self) -> Action {
        self.action
    }

    /// The user who answers for what is done with it.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.user
    }

    #[must_use]
    pub const fn token(&self) -> Option<ApiTokenId> {
        self.token
    }

    #[must_use]
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }

    #[must_use]
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    #[must_use]
    pub const fn project(&self) -> Option<ProjectId> {
        match self.scope {
            Scope::Project { id, .. } => Some(id),
            _ => None,
        }
    }

    #[must_use]
    pub const fn project_row(&self) -> Option<i64> {
        match self.scope {
            Scope::Project { row, .. } => Some(row),
            _ => None,
        }
    }

    #[must_use]
    pub const fn workspace(&self) -> Option<WorkspaceId> {
        match self.scope {
            Scope::Instance => None,
            Scope::Workspace { id, .. } | Scope::Project { workspace: id, .. } => Some(id),
        }
    }
}

/// The rows that an actor may read for some action: what a query's scope is built from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    Nothing,
    Everything,
    /// Projects in which the user holds at least this role.
    Member {
        user: UserId,
        at_least: Role,
    },
    /// One project only, on behalf of a user.
    Project {
        id: ProjectId,
        user: UserId,
    },
}

impl Authorizer {
    /// Where `actor` may do `action`, as far as rows are concerned.
    #[must_use]
    pub fn reach(&self, actor: &Actor, action: Action) -> Reach {
        match actor {
            Actor::Anonymous => Reach::Nothing,
            Actor::Job { project, on_behalf_of, .. } if self.allows("job", action) => {
                Reach::Project { id: *project, user: *on_behalf_of }
            }
            Actor::Scorer { project, on_behalf_of, .. } if self.allows("scorer", action) => {
                Reach::Project { id: *project, user: *on_behalf_of }
            }
            Actor::Job { .. } | Actor::Scorer { .. } => Reach::Nothing,
            Actor::User { token: Some((_, scopes)), .. }
                if !scopes.iter().any(|&held| covers(held, scope_needed(action))) =>
            {
                Reach::Nothing
            }
            Actor::User { is_admin: true, .. } if self.allows("admin", action) => Reach::Everything,
            Actor::User { id, .. } => Role::ALL
                .iter()
                .find(|role| self.allows(role.word(), action))
                .map_or(Reach::Nothing, |&at_least| Reach::Member { user: *id, at_least }),
        }
    }
}
