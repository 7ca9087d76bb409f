mod loaders;
mod mutation;
mod types;

pub use mutation::PromotionMutation;
pub use types::Promotion;
