mod mutation;
mod types;

pub use mutation::MemberMutation;
pub use types::{Member, RoleInProject, RoleInWorkspace};
