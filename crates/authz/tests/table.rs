//! The whole policy as one table that a reviewer sees change.

use nunatak_authz::{Action, Actor, Authorizer, Reach, Scope};
use nunatak_domain::{ApiTokenId, JobId, ProjectId, Role, Timestamp, TokenScope, UserId, VersionId, WorkspaceId};

const SUBJECTS: [&str; 8] = ["user", "guest", "reporter", "developer", "maintainer", "owner", "admin", "job"];

#[tokio::test]
async fn role_by_action_by_resource() {
    let authorizer = Authorizer::load().await.unwrap();
    let mut table = format!("{:<10} {:<13}", "resource", "action");
    for subject in SUBJECTS {
        table.push_str(&format!(" {subject:<10}"));
    }
    for &action in Action::ALL {
        let (resource, verb) = action.word().split_once(':').expect("resource:verb");
        table.push_str(&format!("\n{resource:<10} {verb:<13}"));
        for subject in SUBJECTS {
            let word = if authorizer.allows(subject, action) { "yes" } else { "-" };
            table.push_str(&format!(" {word:<10}"));
        }
    }
    let table: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn every_action_is_granted_to_somebody() {
    let authorizer = Authorizer::load().await.unwrap();
    for &action in Action::ALL {
        assert!(
            SUBJECTS.iter().any(|subject| authorizer.allows(subject, action)),
            "{action} has no line in policy.csv"
        );
    }
}

fn now() -> Timestamp {
    Timestamp::from_micros(1_767_225_600_000_000)
}

fn user(is_admin: bool, token: Option<Vec<TokenScope>>) -> Actor {
    let token = token.map(|scopes| (ApiTokenId::new(now()), scopes));
    Actor::User { id: UserId::new(now()), login: "ada".into(), is_admin, token }
}

fn project(role: Option<Role>) -> Scope {
    Scope::Project { id: ProjectId::new(now()), row: 1, workspace: WorkspaceId::new(now()), role }
}

#[tokio::test]
async fn a_token_narrows_what_its_user_may() {
    let authorizer = Authorizer::load().await.unwrap();
    let owner = project(Some(Role::Owner));
    let may = |scopes: Option<Vec<TokenScope>>, action| authorizer.permit(&user(false, scopes), action, owner).is_ok();
    assert!(may(None, Action::DeleteProject));
    assert!(may(Some(vec![TokenScope::Write]), Action::DeleteProject));
    assert!(may(Some(vec![TokenScope::Write]), Action::ReadVersions), "writing includes reading");
    assert!(!may(Some(vec![TokenScope::Read]), Action::LogVersions));
    assert!(!may(Some(vec![TokenScope::Write]), Action::ExecuteJobs), "running jobs is apart");
    assert!(may(Some(vec![TokenScope::Runner]), Action::ExecuteJobs));
    assert!(!may(Some(vec![TokenScope::Runner]), Action::ReadVersions));
    let admin = user(true, Some(vec![TokenScope::Read]));
    assert!(authorizer.permit(&admin, Action::WriteUsers, Scope::Instance).is_err(), "an administrator's, too");
}

#[tokio::test]
async fn strangers_and_jobs_stay_outside() {
    let authorizer = Authorizer::load().await.unwrap();
    for &action in Action::ALL {
        assert!(authorizer.permit(&Actor::Anonymous, action, project(None)).is_err(), "{action}");
        assert!(authorizer.permit(&user(false, None), action, project(None)).is_err(), "{action}");
        assert_eq!(authorizer.reach(&Actor::Anonymous, action), Reach::Nothing);
        let elsewhere = Actor::Job {
            id: JobId::new(now()),
            attempt: 1,
            project: ProjectId::new(now()),
            on_behalf_of: UserId::new(now()),
        };
        assert!(authorizer.permit(&elsewhere, action, project(Some(Role::Owner))).is_err(), "{action}");
    }
}

#[tokio::test]
async fn a_runner_that_scores_may_load_a_file_and_do_nothing_else() {
    let authorizer = Authorizer::load().await.unwrap();
    let id = ProjectId::new(now());
    let scorer = Actor::Scorer { version: VersionId::new(now()), project: id, on_behalf_of: UserId::new(now()) };
    let here = Scope::Project { id, row: 1, workspace: WorkspaceId::new(now()), role: Some(Role::Owner) };
    for &action in Action::ALL {
        let may = action == Action::Download;
        assert_eq!(authorizer.permit(&scorer, action, here).is_ok(), may, "{action}");
        assert_eq!(authorizer.reach(&scorer, action) != Reach::Nothing, may, "{action}");
        assert!(authorizer.permit(&scorer, action, project(Some(Role::Owner))).is_err(), "{action}");
    }
}

#[tokio::test]
async fn scoring_needs_no_more_than_a_token_that_reads() {
    let authorizer = Authorizer::load().await.unwrap();
    let reader = user(false, Some(vec![TokenScope::Read]));
    assert!(authorizer.permit(&reader, Action::Score, project(Some(Role::Reporter))).is_ok());
    assert!(authorizer.permit(&reader, Action::Score, project(Some(Role::Guest))).is_err());
    assert!(authorizer.permit(&user(false, None), Action::OfferScoring, Scope::Instance).is_err());
    assert!(authorizer.permit(&user(true, None), Action::OfferScoring, Scope::Instance).is_ok());
}
