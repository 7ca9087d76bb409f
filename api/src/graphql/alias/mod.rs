mod loaders;
mod mutation;
mod types;

pub use loaders::{AliasesOf, AliasesOfModel};
pub use mutation::AliasMutation;
pub use types::{Alias, AliasMove};
