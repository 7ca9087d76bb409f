//! Workspaces, their projects, and who is a member of which.

mod members;
mod projects;
mod workspaces;

pub use members::{MemberOf, MemberRecord};
pub use projects::{NewProject, ProjectChange, ProjectFilter, ProjectRecord};
pub use workspaces::{WorkspaceChange, WorkspaceRecord};
