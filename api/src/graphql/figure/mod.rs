mod input;

pub use input::FigureInput;
