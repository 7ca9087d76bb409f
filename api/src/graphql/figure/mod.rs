mod input;
mod types;

pub use input::FigureInput;
pub use types::{Figure, FiguresOf, FiguresOfPrediction};
